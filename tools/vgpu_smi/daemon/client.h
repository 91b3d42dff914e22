// SPDX-License-Identifier: Apache-2.0
// Questions to vgpud on its socket. One thread.
#pragma once

#include <string>

#include "common/endpoints.h"
#include "common/fd.h"
#include "common/result.h"
#include "vgpu/wire.h"

namespace vgpu::smi {

// Where the guest library looks when nothing else is said.

// The error is an errno.
Result<UniqueFd, int> connect_daemon(const std::string& path);
Result<wire::DaemonStatistics> ask_statistics(int connection);

}  // namespace vgpu::smi
