// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Execution Control [DEPRECATED]": launches from before CUDA 4, which keep block size and parameters
// in the function.
#include <cstring>

#include "softgpu/driver/function.h"

using namespace vgpu::soft;

namespace {

constexpr size_t kMostParameterBytes = 32768;

CuResult<Ref<ContextFunction>> function_in_use(CUfunction handle) {
  TRY(current_context());
  return find_function(handle);
}

CUresult set_parameter(CUfunction handle, int offset, const void* bytes, size_t size) {
  const Ref<ContextFunction> function = TRY(function_in_use(handle));
  if (offset < 0 || bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const size_t begin = static_cast<size_t>(offset);
  if (begin > kMostParameterBytes || size > kMostParameterBytes - begin) return CUDA_ERROR_INVALID_VALUE;
  return function->with_old_state([&](OldLaunchState& state) {
    if (state.parameters.size() < begin + size) state.parameters.resize(begin + size);
    std::memcpy(state.parameters.data() + begin, bytes, size);
    return CUDA_SUCCESS;
  });
}

CUresult launch_grid(CUfunction handle, int width, int height, CUstream stream) {
  const Ref<ContextFunction> function = TRY(function_in_use(handle));
  if (width <= 0 || height <= 0) return CUDA_ERROR_INVALID_VALUE;
  const OldLaunchState state = function->with_old_state([](OldLaunchState& old) {
    old.parameters.resize(std::max(old.parameters.size(), old.parameter_bytes));
    return old;
  });
  size_t size = state.parameter_bytes;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, const_cast<std::byte*>(state.parameters.data()),
                   CU_LAUNCH_PARAM_BUFFER_SIZE, &size, CU_LAUNCH_PARAM_END};
  return cuLaunchKernel(handle, static_cast<unsigned>(width), static_cast<unsigned>(height), 1, state.block.x,
                        state.block.y, state.block.z, state.shared_bytes, stream, nullptr, extra);
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuFuncSetBlockShape(CUfunction hfunc, int x, int y, int z) {
  const Ref<ContextFunction> function = TRY(function_in_use(hfunc));
  const int most = function->context().device().limits().max_threads_per_block;
  if (x <= 0 || y <= 0 || z <= 0 || x > most || y > most || z > most) return CUDA_ERROR_INVALID_VALUE;
  if (int64_t{x} * y * z > most) return CUDA_ERROR_INVALID_VALUE;
  return function->with_old_state([&](OldLaunchState& state) {
    state.block = {static_cast<uint32_t>(x), static_cast<uint32_t>(y), static_cast<uint32_t>(z)};
    return CUDA_SUCCESS;
  });
}

CUresult CUDAAPI cuFuncSetSharedSize(CUfunction hfunc, unsigned int bytes) {
  const Ref<ContextFunction> function = TRY(function_in_use(hfunc));
  return function->with_old_state([&](OldLaunchState& state) {
    state.shared_bytes = bytes;
    return CUDA_SUCCESS;
  });
}

CUresult CUDAAPI cuParamSetSize(CUfunction hfunc, unsigned int numbytes) {
  const Ref<ContextFunction> function = TRY(function_in_use(hfunc));
  if (numbytes > kMostParameterBytes) return CUDA_ERROR_INVALID_VALUE;
  return function->with_old_state([&](OldLaunchState& state) {
    state.parameter_bytes = numbytes;
    return CUDA_SUCCESS;
  });
}

CUresult CUDAAPI cuParamSeti(CUfunction hfunc, int offset, unsigned int value) {
  return set_parameter(hfunc, offset, &value, sizeof value);
}
CUresult CUDAAPI cuParamSetf(CUfunction hfunc, int offset, float value) {
  return set_parameter(hfunc, offset, &value, sizeof value);
}
CUresult CUDAAPI cuParamSetv(CUfunction hfunc, int offset, void* ptr, unsigned int numbytes) {
  return set_parameter(hfunc, offset, ptr, numbytes);
}

CUresult CUDAAPI cuLaunch(CUfunction f) { return launch_grid(f, 1, 1, nullptr); }
CUresult CUDAAPI cuLaunchGrid(CUfunction f, int grid_width, int grid_height) {
  return launch_grid(f, grid_width, grid_height, nullptr);
}
CUresult CUDAAPI cuLaunchGridAsync(CUfunction f, int grid_width, int grid_height, CUstream hStream) {
  return launch_grid(f, grid_width, grid_height, hStream);
}

// A module's references are there for its kernels anyhow, and NVIDIA's driver on an H100 has no use for this call.
CUresult CUDAAPI cuParamSetTexRef(CUfunction hfunc, int, CUtexref) {
  TRY(function_in_use(hfunc));
  return CUDA_ERROR_INVALID_VALUE;
}

}  // extern "C"
