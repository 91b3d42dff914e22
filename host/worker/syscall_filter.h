// SPDX-License-Identifier: Apache-2.0
// The worker's system call filter (seccomp). For our own driver: a list of what is allowed, anything else kills the
// process. For a vendor's driver, whose needs are its own business: a list of what is refused.
#pragma once

#include "common/result.h"
#include "host/worker/sandbox.h"

namespace vgpu::host {

// For all threads there are and will be. At log level debug a violation names its system call before the process ends.
Result<void> install_syscall_filter(SandboxProfile profile);

}  // namespace vgpu::host
