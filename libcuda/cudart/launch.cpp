// SPDX-License-Identifier: Apache-2.0
// Launches: <<<>>> as nvcc writes it, and the calls that launch.
#include "libcuda/cudart/hidden.h"
#include "libcuda/cudart/launch_config.h"
#include "libcuda/cudart/registry.h"
#include "libcuda/cudart/rows.h"
#include "libcuda/cudart/thread_state.h"

#include <vector>

namespace vgpu::runtime {
namespace {

struct Configuration {
  dim3 grid;
  dim3 block;
  size_t shared_bytes;
  cudaStream_t stream;
};

// A stack, because a kernel's arguments may themselves launch.
thread_local std::vector<Configuration> t_configurations;

bool within(unsigned value, CUdevice_attribute limit, CUdevice device) {
  int most = 0;
  return value > 0 && VGPU_DRIVER(cuDeviceGetAttribute)(&most, limit, device) == cudaSuccess &&
         value <= static_cast<unsigned>(most);
}

bool fits(const dim3& grid, const dim3& block) {
  CUdevice device = 0;
  return VGPU_DRIVER(cuCtxGetDevice)(&device) == cudaSuccess &&
         within(grid.x, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, device) &&
         within(grid.y, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, device) &&
         within(grid.z, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, device) &&
         within(block.x, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, device) &&
         within(block.y, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, device) &&
         within(block.z, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, device) &&
         within(block.x * block.y * block.z, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, device);
}

// CUDA 12 tells a shape that no launch can have from other wrong arguments; CUDA 13 passes on what the driver says.
cudaError_t launch_result(cudaError_t result, const dim3& grid, const dim3& block) {
  if (result != cudaErrorInvalidValue || kRuntimeVersion >= 13000 || fits(grid, block)) [[likely]]
    return result;
  return cudaErrorInvalidConfiguration;
}

cudaError_t launch(CUkernel kernel, const Configuration& at, void** arguments) {
  VGPU_RETURN_ERROR(use_context());
  if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;  // __cudaGetKernel failed, and said why.
  const cudaError_t result =
      VGPU_DRIVER(cuLaunchKernel)(kernel, at.grid.x, at.grid.y, at.grid.z, at.block.x, at.block.y, at.block.z,
                                  at.shared_bytes, at.stream, arguments, nullptr);
  return launch_result(result, at.grid, at.block);
}

}  // namespace

namespace calls {

cudaError_t cudaLaunchKernel(const void* func, dim3 grid, dim3 block, void** args, size_t shared_bytes,
                             cudaStream_t stream) {
  CUkernel kernel = nullptr;
  VGPU_RETURN_ERROR(find_kernel(func, &kernel));
  return launch(kernel, {grid, block, shared_bytes, stream}, args);
}

cudaError_t cudaLaunchCooperativeKernel(const void* func, dim3 grid, dim3 block, void** args, size_t shared_bytes,
                                        cudaStream_t stream) {
  CUkernel kernel = nullptr;
  VGPU_RETURN_ERROR(find_kernel(func, &kernel));
  VGPU_RETURN_ERROR(use_context());
  const cudaError_t result = VGPU_DRIVER(cuLaunchCooperativeKernel)(kernel, grid.x, grid.y, grid.z, block.x, block.y,
                                                                    block.z, shared_bytes, stream, args);
  return launch_result(result, grid, block);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* func, void** args) {
  if (config == nullptr) return cudaErrorInvalidConfiguration;
  CUkernel kernel = nullptr;
  VGPU_RETURN_ERROR(find_kernel(func, &kernel));
  VGPU_RETURN_ERROR(use_context());
  const CUlaunchConfig driver_config = launch_config(*config);
  return launch_result(VGPU_DRIVER(cuLaunchKernelEx)(&driver_config, kernel, args, nullptr), config->gridDim,
                       config->blockDim);
}

}  // namespace calls
}  // namespace vgpu::runtime

using namespace vgpu::runtime;

// Zero is success: what nvcc writes is `push ? nothing : kernel's stub`.
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes, struct CUstream_st* stream) {
  t_configurations.push_back({grid, block, shared_bytes, stream});
  return 0;
}

cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared_bytes, void* stream) {
  if (t_configurations.empty()) return remember(cudaErrorMissingConfiguration);
  const Configuration& top = t_configurations.back();
  *grid = top.grid;
  *block = top.block;
  *shared_bytes = top.shared_bytes;
  *static_cast<cudaStream_t*>(stream) = top.stream;
  t_configurations.pop_back();
  return cudaSuccess;
}

cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) {
  return remember(find_kernel(function, kernel));
}

cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, size_t shared_bytes,
                               cudaStream_t stream) {
  const Flavour scope(false);
  return remember(launch(kernel, {grid, block, shared_bytes, stream}, arguments));
}

cudaError_t __cudaLaunchKernel_ptsz(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, size_t shared_bytes,
                                    cudaStream_t stream) {
  const Flavour scope(true);
  return remember(launch(kernel, {grid, block, shared_bytes, stream}, arguments));
}

// FIXME: nothing public says what these three do; nvcc's code calls none of them in what was seen.
cudaError_t __cudaRegisterHostVar(void**, const char*, char*, size_t) { return remember(cudaErrorNotSupported); }
cudaError_t __cudaRegisterUnifiedTable(void**, void*) { return remember(cudaErrorNotSupported); }
cudaError_t __cudaGetProcAddress(const char*, void**) { return remember(cudaErrorNotSupported); }
