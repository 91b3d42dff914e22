// SPDX-License-Identifier: Apache-2.0
// Which threads of the process are the worker's: all others are the CUDA driver's. With the software GPU these run
// kernels, so that their processor time says how busy the GPU is. Any thread.
#pragma once

#include <cstdint>

namespace vgpu::host {

// The calling thread is the worker's. It must live as long as the process.
void count_as_ours();

// Processor time that the others have used, in nanoseconds.
uint64_t time_of_others();

}  // namespace vgpu::host
