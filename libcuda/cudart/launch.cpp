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

cudaError_t launch(CUkernel kernel, const Configuration& at, void** arguments) {
  VGPU_RETURN_ERROR(use_context());
  if (kernel == nullptr) return cudaErrorInvalidDeviceFunction;  // __cudaGetKernel failed, and said why.
  return VGPU_DRIVER(cuLaunchKernel)(kernel, at.grid.x, at.grid.y, at.grid.z, at.block.x, at.block.y, at.block.z,
                                     at.shared_bytes, at.stream, arguments, nullptr);
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
  return VGPU_DRIVER(cuLaunchCooperativeKernel)(kernel, grid.x, grid.y, grid.z, block.x, block.y, block.z, shared_bytes,
                                                stream, args);
}

cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* func, void** args) {
  if (config == nullptr) return cudaErrorInvalidConfiguration;
  CUkernel kernel = nullptr;
  VGPU_RETURN_ERROR(find_kernel(func, &kernel));
  VGPU_RETURN_ERROR(use_context());
  const CUlaunchConfig driver_config = launch_config(*config);
  return VGPU_DRIVER(cuLaunchKernelEx)(&driver_config, kernel, args, nullptr);
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
