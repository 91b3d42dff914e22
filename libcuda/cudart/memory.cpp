// SPDX-License-Identifier: Apache-2.0
// Allocation, and what is known of a pointer.
#include "libcuda/cudart/rows.h"

namespace vgpu::runtime::calls {
cudaError_t cudaMalloc(void** pointer, size_t size) {
  if (pointer == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  *pointer = nullptr;
  if (size == 0) return cudaSuccess;  // The driver refuses what the runtime documents as a NULL pointer.
  return VGPU_DRIVER(cuMemAlloc_v2)(reinterpret_cast<CUdeviceptr*>(pointer), size);
}

cudaError_t cudaFree(void* pointer) {
  return in_context([](auto... a) { return VGPU_DRIVER(cuMemFree_v2)(a...); }, pointer);
}

cudaError_t cudaHostAlloc(void** pointer, size_t size, unsigned flags) {
  if (pointer == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  *pointer = nullptr;
  if (size == 0) return cudaSuccess;
  return VGPU_DRIVER(cuMemHostAlloc)(pointer, size, flags);
}

cudaError_t cudaMallocHost(void** pointer, size_t size) {
  return calls::cudaHostAlloc(pointer, size, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void* pointer) {
  VGPU_RETURN_ERROR(use_context());
  return pointer == nullptr ? cudaSuccess : VGPU_DRIVER(cuMemFreeHost)(pointer);
}

cudaError_t cudaMallocManaged(void** pointer, size_t size, unsigned flags) {
  if (pointer == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  *pointer = nullptr;
  if (size == 0) return cudaSuccess;
  return in_context([](auto... a) { return VGPU_DRIVER(cuMemAllocManaged)(a...); },
                    reinterpret_cast<CUdeviceptr*>(pointer), size, flags);
}

cudaError_t cudaMallocPitch(void** pointer, size_t* pitch, size_t width, size_t height) {
  if (pointer == nullptr || pitch == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  *pointer = nullptr;
  *pitch = 0;
  if (width == 0 || height == 0) return cudaSuccess;
  constexpr unsigned kWidestElement = 4;  // Any element size gives the same pitch on today's devices.
  return VGPU_DRIVER(cuMemAllocPitch_v2)(reinterpret_cast<CUdeviceptr*>(pointer), pitch, width, height, kWidestElement);
}

cudaError_t cudaMalloc3D(cudaPitchedPtr* pitched, cudaExtent extent) {
  if (pitched == nullptr) return cudaErrorInvalidValue;
  cudaPitchedPtr result{nullptr, 0, extent.width, extent.height};
  VGPU_RETURN_ERROR(calls::cudaMallocPitch(&result.ptr, &result.pitch, extent.width, extent.height * extent.depth));
  *pitched = result;
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  if (attributes == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  unsigned type = 0;
  unsigned managed = 0;
  int device = 0;
  void* device_pointer = nullptr;
  void* host_pointer = nullptr;
  CUpointer_attribute wanted[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_IS_MANAGED,
                                  CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, CU_POINTER_ATTRIBUTE_DEVICE_POINTER,
                                  CU_POINTER_ATTRIBUTE_HOST_POINTER};
  void* values[] = {&type, &managed, &device, &device_pointer, &host_pointer};
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuPointerGetAttributes)(5U, wanted, values, pointer));
  *attributes = {};
  attributes->type = managed != 0                   ? cudaMemoryTypeManaged
                     : type == CU_MEMORYTYPE_HOST   ? cudaMemoryTypeHost
                     : type == CU_MEMORYTYPE_DEVICE ? cudaMemoryTypeDevice
                                                    : cudaMemoryTypeUnregistered;
  attributes->device = device;
  attributes->devicePointer = device_pointer;
  attributes->hostPointer = host_pointer;
  return cudaSuccess;
}

}  // namespace vgpu::runtime::calls
