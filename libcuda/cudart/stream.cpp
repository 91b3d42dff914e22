// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/rows.h"

namespace vgpu::runtime::calls {

cudaError_t cudaEventCreate(cudaEvent_t* event) { return calls::cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (milliseconds == nullptr) return cudaErrorInvalidValue;
  return in_context([](auto... a) { return VGPU_DRIVER(cuEventElapsedTime_v2)(a...); }, milliseconds, start, end);
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return calls::cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  return in_context([](auto... a) { return VGPU_DRIVER(cuStreamDestroy_v2)(a...); }, stream);
}

// Both callbacks have one layout: a status of one number space beside two pointers.
cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void* data, unsigned flags) {
  return in_context([](auto... a) { return VGPU_DRIVER(cuStreamAddCallback)(a...); }, stream,
                    reinterpret_cast<CUstreamCallback>(callback), data, flags);
}

}  // namespace vgpu::runtime::calls
