// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/rows.h"

namespace vgpu::runtime::calls {
namespace {

// The attributes that a stream has; the others are a launch's.
bool is_of_streams(cudaStreamAttrID attribute) {
  switch (attribute) {
    case cudaStreamAttributeAccessPolicyWindow:
    case cudaStreamAttributeSynchronizationPolicy:
    case cudaStreamAttributePriority:
    case cudaStreamAttributeMemSyncDomainMap:
    case cudaStreamAttributeMemSyncDomain: return true;
    default: return false;
  }
}

}  // namespace

cudaError_t cudaEventCreate(cudaEvent_t* event) { return calls::cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (milliseconds == nullptr) return cudaErrorInvalidValue;
  return in_context([](auto... a) { return VGPU_DRIVER(cuEventElapsedTime_v2)(a...); }, milliseconds, start, end);
}

cudaError_t cudaIpcGetEventHandle(cudaIpcEventHandle_t* handle, cudaEvent_t event) {
  cudaIpcEventHandle_t made{};
  VGPU_RETURN_ERROR(in_context([](auto... a) { return VGPU_DRIVER(cuIpcGetEventHandle)(a...); }, &made, event));
  if (handle == nullptr) return cudaErrorInvalidValue;
  *handle = made;
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return calls::cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  return in_context([](auto... a) { return VGPU_DRIVER(cuStreamDestroy_v2)(a...); }, stream);
}

cudaError_t cudaStreamSetAttribute(cudaStream_t stream, cudaStreamAttrID attribute, const cudaStreamAttrValue* value) {
  if (!is_of_streams(attribute)) return cudaErrorInvalidValue;
  return in_context([](auto... a) { return VGPU_DRIVER(cuStreamSetAttribute)(a...); }, stream, attribute, value);
}

// Both callbacks have one layout: a status of one number space beside two pointers.
cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void* data, unsigned flags) {
  if (callback == nullptr) return cudaErrorInvalidValue;
  return in_context([](auto... a) { return VGPU_DRIVER(cuStreamAddCallback)(a...); }, stream,
                    reinterpret_cast<CUstreamCallback>(callback), data, flags);
}

}  // namespace vgpu::runtime::calls
