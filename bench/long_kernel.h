// SPDX-License-Identifier: Apache-2.0
// LongKernel: one warp for two milliseconds, longer than anybody spins without a thought for others. Of the context
// that is current, and not unloaded: the process is short.
#pragma once

#include "bench/row.h"

namespace vgpu::bench {

class LongKernel {
 public:
  static Measured<LongKernel> load();
  // Any thread that has the context.
  Measured<void> launch_and_wait(CUstream stream) const;

 private:
  CUfunction function_ = nullptr;
};

}  // namespace vgpu::bench
