// SPDX-License-Identifier: Apache-2.0
// Threads that launch side by side, each on a stream of its own.
#pragma once

#include "bench/gpu.h"

namespace vgpu::bench {

// Launches per second of all threads together, until the last is done; `launches` is the sum over the threads.
Measured<double> launches_per_second(const Gpu& gpu, int threads, int launches);

}  // namespace vgpu::bench
