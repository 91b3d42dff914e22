// SPDX-License-Identifier: Apache-2.0
// Arrays: the flags' values are the driver's.
#include "libcuda/cudart/array_format.h"
#include "libcuda/cudart/rows.h"

namespace vgpu::runtime::calls {
namespace {

cudaError_t describe(const cudaChannelFormatDesc* channels, cudaExtent extent, unsigned flags,
                     CUDA_ARRAY3D_DESCRIPTOR* descriptor) {
  if (channels == nullptr || extent.width == 0) return cudaErrorInvalidValue;
  *descriptor = {extent.width, extent.height, extent.depth, CU_AD_FORMAT_FLOAT, 0, flags};
  return find_format(*channels, &descriptor->Format, &descriptor->NumChannels) ? cudaSuccess
                                                                               : cudaErrorInvalidChannelDescriptor;
}

}  // namespace

cudaError_t cudaMalloc3DArray(cudaArray_t* array, const cudaChannelFormatDesc* channels, cudaExtent extent,
                              unsigned flags) {
  if (array == nullptr) return cudaErrorInvalidValue;
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  VGPU_RETURN_ERROR(describe(channels, extent, flags, &descriptor));
  VGPU_RETURN_ERROR(use_context());
  return VGPU_DRIVER(cuArray3DCreate_v2)(reinterpret_cast<CUarray*>(array), &descriptor);
}

cudaError_t cudaMallocArray(cudaArray_t* array, const cudaChannelFormatDesc* channels, size_t width, size_t height,
                            unsigned flags) {
  if ((flags & (cudaArrayLayered | cudaArrayCubemap)) != 0)
    return cudaErrorInvalidValue;  // Those are three-dimensional.
  return calls::cudaMalloc3DArray(array, channels, {width, height, 0}, flags);
}

cudaError_t cudaMallocMipmappedArray(cudaMipmappedArray_t* array, const cudaChannelFormatDesc* channels,
                                     cudaExtent extent, unsigned levels, unsigned flags) {
  if (array == nullptr) return cudaErrorInvalidValue;
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  VGPU_RETURN_ERROR(describe(channels, extent, flags, &descriptor));
  VGPU_RETURN_ERROR(use_context());
  return VGPU_DRIVER(cuMipmappedArrayCreate)(reinterpret_cast<CUmipmappedArray*>(array), &descriptor, levels);
}

cudaError_t cudaExternalMemoryGetMappedMipmappedArray(cudaMipmappedArray_t* array, cudaExternalMemory_t memory,
                                                      const cudaExternalMemoryMipmappedArrayDesc* from) {
  if (from == nullptr) return cudaErrorInvalidValue;
  CUDA_EXTERNAL_MEMORY_MIPMAPPED_ARRAY_DESC to{};
  to.offset = from->offset;
  to.numLevels = from->numLevels;
  to.arrayDesc = {from->extent.width, from->extent.height, from->extent.depth, CU_AD_FORMAT_FLOAT, 0, from->flags};
  if (!find_format(from->formatDesc, &to.arrayDesc.Format, &to.arrayDesc.NumChannels))
    return cudaErrorInvalidChannelDescriptor;
  VGPU_RETURN_ERROR(use_context());
  return VGPU_DRIVER(cuExternalMemoryGetMappedMipmappedArray)(reinterpret_cast<CUmipmappedArray*>(array), memory, &to);
}

cudaError_t cudaFreeArray(cudaArray_t array) {
  VGPU_RETURN_ERROR(use_context());
  return array == nullptr ? cudaSuccess : VGPU_DRIVER(cuArrayDestroy)(array);
}

cudaError_t cudaFreeMipmappedArray(cudaMipmappedArray_t array) {
  VGPU_RETURN_ERROR(use_context());
  return array == nullptr ? cudaSuccess : VGPU_DRIVER(cuMipmappedArrayDestroy)(array);
}

cudaError_t cudaArrayGetInfo(cudaChannelFormatDesc* channels, cudaExtent* extent, unsigned* flags, cudaArray_t array) {
  VGPU_RETURN_ERROR(use_context());
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuArray3DGetDescriptor_v2)(&descriptor, array));
  if (channels != nullptr && !find_channels(descriptor.Format, descriptor.NumChannels, channels))
    return cudaErrorNotSupported;
  if (extent != nullptr) *extent = {descriptor.Width, descriptor.Height, descriptor.Depth};
  if (flags != nullptr) *flags = descriptor.Flags;
  return cudaSuccess;
}

cudaError_t cudaGetChannelDesc(cudaChannelFormatDesc* channels, cudaArray_const_t array) {
  if (channels == nullptr) return cudaErrorInvalidValue;
  return calls::cudaArrayGetInfo(channels, nullptr, nullptr, const_cast<cudaArray_t>(array));
}

}  // namespace vgpu::runtime::calls
