// SPDX-License-Identifier: Apache-2.0
// Launches from before CUDA 4, which keep block size and parameters in the function until a cuLaunch* comes. All of it
// is known in the guest, and the launch is cuLaunchKernel's. CUDA driver API: Execution Control [DEPRECATED].
#include <algorithm>
#include <cstring>

#include "common/bits.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

constexpr size_t kMostParameterBytes = 32768;

// Runs `action(state)` on the function's state, under its lock.
template <class F>
CUresult with_state(CUfunction handle, F action) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  const uint64_t wire = bits_of(handle);
  Function* function = wire == 0 ? nullptr : admitted.process->handles().function(wire);
  if (function == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const std::lock_guard lock(function->mutex);
  if (!function->old_launch) function->old_launch = std::make_unique<OldLaunch>();
  return action(*function->old_launch, admitted);
}

CUresult set_parameter(CUfunction handle, int offset, const void* bytes, size_t size) {
  return with_state(handle, [&](OldLaunch& state, const Admitted&) {
    if (offset < 0 || bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const size_t begin = static_cast<size_t>(offset);
    if (begin > kMostParameterBytes || size > kMostParameterBytes - begin) return CUDA_ERROR_INVALID_VALUE;
    state.parameters.resize(std::max(state.parameters.size(), begin + size));
    std::memcpy(state.parameters.data() + begin, bytes, size);
    return CUDA_SUCCESS;
  });
}

CUresult launch_grid(CUfunction handle, int width, int height, CUstream stream) {
  OldLaunch state;
  VGPU_CHECK(with_state(handle, [&](OldLaunch& kept, const Admitted&) {
    if (width <= 0 || height <= 0) return CUDA_ERROR_INVALID_VALUE;
    kept.parameters.resize(std::max(kept.parameters.size(), kept.parameter_bytes));
    state = kept;
    return CUDA_SUCCESS;
  }));
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, state.parameters.data(), CU_LAUNCH_PARAM_BUFFER_SIZE,
                   &state.parameter_bytes, CU_LAUNCH_PARAM_END};
  return by_hand::cuLaunchKernel(handle, static_cast<unsigned>(width), static_cast<unsigned>(height), 1, state.block[0],
                                 state.block[1], state.block[2], state.shared_bytes, stream, nullptr, extra);
}

}  // namespace

namespace by_hand {

CUresult cuFuncSetBlockShape(CUfunction hfunc, int x, int y, int z) {
  return with_state(hfunc, [&](OldLaunch& state, const Admitted& admitted) {
    const int32_t* limits = admitted.process->device(admitted.thread->current()->device())->attribute;
    const int64_t most = limits[CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK];
    if (x <= 0 || y <= 0 || z <= 0 || x > most || y > most || z > most) return CUDA_ERROR_INVALID_VALUE;
    if (int64_t{x} * y * z > most) return CUDA_ERROR_INVALID_VALUE;
    state.block[0] = static_cast<unsigned>(x);
    state.block[1] = static_cast<unsigned>(y);
    state.block[2] = static_cast<unsigned>(z);
    return CUDA_SUCCESS;
  });
}

CUresult cuFuncSetSharedSize(CUfunction hfunc, unsigned int bytes) {
  return with_state(hfunc, [&](OldLaunch& state, const Admitted&) {
    state.shared_bytes = bytes;
    return CUDA_SUCCESS;
  });
}

CUresult cuParamSetSize(CUfunction hfunc, unsigned int numbytes) {
  return with_state(hfunc, [&](OldLaunch& state, const Admitted&) {
    if (numbytes > kMostParameterBytes) return CUDA_ERROR_INVALID_VALUE;
    state.parameter_bytes = numbytes;
    return CUDA_SUCCESS;
  });
}

CUresult cuParamSeti(CUfunction hfunc, int offset, unsigned int value) {
  return set_parameter(hfunc, offset, &value, sizeof value);
}

CUresult cuParamSetf(CUfunction hfunc, int offset, float value) {
  return set_parameter(hfunc, offset, &value, sizeof value);
}

CUresult cuParamSetv(CUfunction hfunc, int offset, void* ptr, unsigned int numbytes) {
  return set_parameter(hfunc, offset, ptr, numbytes);
}

CUresult cuLaunch(CUfunction f) { return launch_grid(f, 1, 1, nullptr); }

CUresult cuLaunchGrid(CUfunction f, int grid_width, int grid_height) {
  return launch_grid(f, grid_width, grid_height, nullptr);
}

CUresult cuLaunchGridAsync(CUfunction f, int grid_width, int grid_height, CUstream hStream) {
  return launch_grid(f, grid_width, grid_height, hStream);
}

}  // namespace by_hand
}  // namespace vgpu::guest
