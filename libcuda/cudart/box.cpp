// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/box.h"

#include "libcuda/cudart/array_format.h"

#include <algorithm>

namespace vgpu::runtime {
namespace {

CUarray handle_of(cudaArray_t array) { return reinterpret_cast<CUarray>(array); }

cudaMemcpyKind direction(CUmemorytype source, CUmemorytype destination) {
  if (source == CU_MEMORYTYPE_UNIFIED || destination == CU_MEMORYTYPE_UNIFIED) return cudaMemcpyDefault;
  const bool from_host = source == CU_MEMORYTYPE_HOST;
  const bool to_host = destination == CU_MEMORYTYPE_HOST;
  if (from_host) return to_host ? cudaMemcpyHostToHost : cudaMemcpyHostToDevice;
  return to_host ? cudaMemcpyDeviceToHost : cudaMemcpyDeviceToDevice;
}

}  // namespace

cudaError_t copy_sides(cudaMemcpyKind kind, CopySides* sides) noexcept {
  switch (kind) {
    case cudaMemcpyHostToHost: *sides = {CU_MEMORYTYPE_HOST, CU_MEMORYTYPE_HOST}; return cudaSuccess;
    case cudaMemcpyHostToDevice: *sides = {CU_MEMORYTYPE_HOST, CU_MEMORYTYPE_DEVICE}; return cudaSuccess;
    case cudaMemcpyDeviceToHost: *sides = {CU_MEMORYTYPE_DEVICE, CU_MEMORYTYPE_HOST}; return cudaSuccess;
    case cudaMemcpyDeviceToDevice: *sides = {CU_MEMORYTYPE_DEVICE, CU_MEMORYTYPE_DEVICE}; return cudaSuccess;
    case cudaMemcpyDefault: *sides = {CU_MEMORYTYPE_UNIFIED, CU_MEMORYTYPE_UNIFIED}; return cudaSuccess;
  }
  return cudaErrorInvalidMemcpyDirection;
}

cudaError_t sides_into_array(cudaMemcpyKind kind, CopySides* sides) noexcept {
  VGPU_RETURN_ERROR(copy_sides(kind, sides));
  return sides->destination == CU_MEMORYTYPE_HOST ? cudaErrorInvalidMemcpyDirection : cudaSuccess;
}

cudaError_t sides_out_of_array(cudaMemcpyKind kind, CopySides* sides) noexcept {
  VGPU_RETURN_ERROR(copy_sides(kind, sides));
  return sides->source == CU_MEMORYTYPE_HOST ? cudaErrorInvalidMemcpyDirection : cudaSuccess;
}

cudaError_t element_size(CUarray array, size_t* bytes) noexcept {
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuArray3DGetDescriptor_v2)(&descriptor, array));
  *bytes = format_bytes(descriptor.Format) * descriptor.NumChannels;
  return *bytes == 0 ? cudaErrorNotSupported : cudaSuccess;
}

cudaError_t driver_copy(const cudaMemcpy3DParms& from, CUDA_MEMCPY3D* to) noexcept {
  CopySides sides{};
  VGPU_RETURN_ERROR(copy_sides(from.kind, &sides));
  if ((from.srcArray == nullptr) == (from.srcPtr.ptr == nullptr)) return cudaErrorInvalidValue;
  if ((from.dstArray == nullptr) == (from.dstPtr.ptr == nullptr)) return cudaErrorInvalidValue;
  // An array is on the device. NVIDIA's library looks at the side that is read only.
  if (from.srcArray != nullptr && sides.source == CU_MEMORYTYPE_HOST) return cudaErrorInvalidValue;
  size_t source_element = 1;
  size_t destination_element = 1;
  if (from.srcArray != nullptr) VGPU_RETURN_ERROR(element_size(handle_of(from.srcArray), &source_element));
  if (from.dstArray != nullptr) VGPU_RETURN_ERROR(element_size(handle_of(from.dstArray), &destination_element));
  *to = {};
  to->srcMemoryType = from.srcArray != nullptr ? CU_MEMORYTYPE_ARRAY : sides.source;
  to->srcArray = handle_of(from.srcArray);
  to->srcHost = from.srcPtr.ptr;
  to->srcDevice = reinterpret_cast<CUdeviceptr>(from.srcPtr.ptr);
  to->srcPitch = from.srcPtr.pitch;
  to->srcHeight = from.srcPtr.ysize;
  to->srcXInBytes = from.srcPos.x * source_element;
  to->srcY = from.srcPos.y;
  to->srcZ = from.srcPos.z;
  to->dstMemoryType = from.dstArray != nullptr ? CU_MEMORYTYPE_ARRAY : sides.destination;
  to->dstArray = handle_of(from.dstArray);
  to->dstHost = from.dstPtr.ptr;
  to->dstDevice = reinterpret_cast<CUdeviceptr>(from.dstPtr.ptr);
  to->dstPitch = from.dstPtr.pitch;
  to->dstHeight = from.dstPtr.ysize;
  to->dstXInBytes = from.dstPos.x * destination_element;
  to->dstY = from.dstPos.y;
  to->dstZ = from.dstPos.z;
  to->WidthInBytes = from.extent.width * std::max(source_element, destination_element);
  to->Height = from.extent.height;
  to->Depth = from.extent.depth;
  const bool one_row = to->Height <= 1 && to->Depth <= 1;
  if (!one_row && from.srcArray == nullptr && to->srcPitch < to->WidthInBytes) return cudaErrorInvalidPitchValue;
  if (!one_row && from.dstArray == nullptr && to->dstPitch < to->WidthInBytes) return cudaErrorInvalidPitchValue;
  return cudaSuccess;
}

cudaError_t runtime_copy(const CUDA_MEMCPY3D& from, cudaMemcpy3DParms* to) noexcept {
  size_t source_element = 1;
  size_t destination_element = 1;
  *to = {};
  if (from.srcMemoryType == CU_MEMORYTYPE_ARRAY) {
    VGPU_RETURN_ERROR(element_size(from.srcArray, &source_element));
    to->srcArray = reinterpret_cast<cudaArray_t>(from.srcArray);
  } else {
    void* source = from.srcMemoryType == CU_MEMORYTYPE_HOST ? const_cast<void*>(from.srcHost)
                                                            : reinterpret_cast<void*>(from.srcDevice);
    to->srcPtr = {source, from.srcPitch, from.srcPitch, from.srcHeight};
  }
  if (from.dstMemoryType == CU_MEMORYTYPE_ARRAY) {
    VGPU_RETURN_ERROR(element_size(from.dstArray, &destination_element));
    to->dstArray = reinterpret_cast<cudaArray_t>(from.dstArray);
  } else {
    void* destination =
        from.dstMemoryType == CU_MEMORYTYPE_HOST ? from.dstHost : reinterpret_cast<void*>(from.dstDevice);
    to->dstPtr = {destination, from.dstPitch, from.dstPitch, from.dstHeight};
  }
  to->srcPos = {from.srcXInBytes / source_element, from.srcY, from.srcZ};
  to->dstPos = {from.dstXInBytes / destination_element, from.dstY, from.dstZ};
  to->extent = {from.WidthInBytes / std::max(source_element, destination_element), from.Height, from.Depth};
  to->kind = direction(from.srcMemoryType, from.dstMemoryType);
  return cudaSuccess;
}

cudaMemcpy3DParms row_copy(void* dst, const void* src, size_t count, cudaMemcpyKind kind) noexcept {
  cudaMemcpy3DParms row{};
  row.srcPtr = {const_cast<void*>(src), 0, 0, 0};
  row.dstPtr = {dst, 0, 0, 0};
  row.extent = {count, 1, 1};
  row.kind = kind;
  return row;
}

}  // namespace vgpu::runtime
