// SPDX-License-Identifier: Apache-2.0
// Sandbox: what a worker gives up so that its guest, which may well control it, gains nothing but the GPU
// (docs/security.md). Called by main in this order: guard_process, isolate, [driver starts], seal. What the host
// does not permit is skipped and logged at debug, except the system call filter, which must work.
#pragma once

#include <sys/types.h>

#include "common/result.h"

namespace vgpu::host {

// How much a driver needs: ours needs nothing once it runs, a vendor's opens devices and loads libraries at any time.
enum class SandboxProfile { soft, vendor };

// Dies with its daemon, gains no privileges, leaves no core file. Before any thread. False: the daemon is gone already.
bool guard_process(pid_t daemon);

// Namespaces of its own, and a file system that it cannot change. Before any thread.
void isolate(SandboxProfile profile);

// Own user id where the daemon runs as root, and the system call filter, for all threads.
Result<void> seal(SandboxProfile profile, pid_t daemon);

}  // namespace vgpu::host
