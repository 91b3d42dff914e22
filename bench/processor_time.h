// SPDX-License-Identifier: Apache-2.0
// The processor time of a sample and of all that serves it: natively this process and the one that started it; through
// us also the daemon and the workers, which are children of the vgpu-run that started this process. In a guest, the
// guest's side only.
#pragma once

#include <sys/types.h>

#include <vector>

namespace vgpu::bench {

// This process's parent and everything below it.
std::vector<pid_t> processes_of_session();

// Seconds that they have used so far; a process that is no more counts 0.
double processor_time(const std::vector<pid_t>& processes);

}  // namespace vgpu::bench
