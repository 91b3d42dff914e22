// SPDX-License-Identifier: Apache-2.0
// One kernel on several devices: CUDA 11.3 deprecated the call, CUDA 13 has it no more. The driver has it still.
#include "libcuda/cudart/registry.h"
#include "libcuda/cudart/rows.h"
#include "libcuda/cudart12/declarations.h"

#include <memory>
#include <new>

namespace vgpu::runtime::twelve {

cudaError_t cudaLaunchCooperativeKernelMultiDevice(LaunchParameters* launches, unsigned count, unsigned flags) {
  if (launches == nullptr || count == 0) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  int devices = 0;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDeviceGetCount)(&devices));
  if (count > static_cast<unsigned>(devices)) return cudaErrorInvalidValue;  // Each launch is another device's.
  const std::unique_ptr<CUDA_LAUNCH_PARAMS[]> converted(new (std::nothrow) CUDA_LAUNCH_PARAMS[count]);
  if (converted == nullptr) return cudaErrorMemoryAllocation;
  for (unsigned i = 0; i < count; ++i) {
    const LaunchParameters& from = launches[i];
    CUkernel kernel = nullptr;
    VGPU_RETURN_ERROR(find_kernel(from.function, &kernel));
    converted[i] = {reinterpret_cast<CUfunction>(kernel),
                    from.grid.x,
                    from.grid.y,
                    from.grid.z,
                    from.block.x,
                    from.block.y,
                    from.block.z,
                    static_cast<unsigned>(from.shared_bytes),
                    from.stream,
                    from.arguments};
  }
  return VGPU_DRIVER(cuLaunchCooperativeKernelMultiDevice)(converted.get(), count, flags);
}

}  // namespace vgpu::runtime::twelve
