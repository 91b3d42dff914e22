// SPDX-License-Identifier: Apache-2.0
// A launch's configuration in the driver's terms. Attributes have one layout in both.
#pragma once

#include "libcuda/cudart/driver.h"

namespace vgpu::runtime {

inline CUlaunchConfig launch_config(const cudaLaunchConfig_t& from) noexcept {
  static_assert(sizeof(cudaLaunchAttribute) == sizeof(CUlaunchAttribute));
  CUlaunchConfig to{};
  to.gridDimX = from.gridDim.x;
  to.gridDimY = from.gridDim.y;
  to.gridDimZ = from.gridDim.z;
  to.blockDimX = from.blockDim.x;
  to.blockDimY = from.blockDim.y;
  to.blockDimZ = from.blockDim.z;
  to.sharedMemBytes = static_cast<unsigned>(from.dynamicSmemBytes);
  to.hStream = effective_stream(from.stream);
  to.attrs = reinterpret_cast<CUlaunchAttribute*>(from.attrs);
  to.numAttrs = from.numAttrs;
  return to;
}

}  // namespace vgpu::runtime
