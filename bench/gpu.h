// SPDX-License-Identifier: Apache-2.0
// Gpu: what every row starts from: the first device's primary context, current on the main thread, a stream, and a
// kernel that does nothing but takes eight parameters, as real kernels do. Lives as long as the process. Functions are
// thread-safe; another thread makes `context` current first.
#pragma once

#include "bench/row.h"

namespace vgpu::bench {

struct Gpu {
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUmodule module = nullptr;
  CUfunction empty = nullptr;
  CUstream stream = nullptr;

  static Measured<Gpu> create();

  // One block of 32 threads of the empty kernel.
  Measured<void> launch(CUstream on) const;
  Measured<void> launch() const { return launch(stream); }
  Measured<void> synchronize() const;
};

// The parameters of the empty kernel, also for graph nodes.
void** empty_parameters();

}  // namespace vgpu::bench
