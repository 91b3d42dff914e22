// SPDX-License-Identifier: Apache-2.0
// Texture and surface objects: the driver describes elements by format and count, and says by flags what the runtime
// says by fields. What is missing is refused with the codes that NVIDIA's library has for it, odd ones among them.
#include "libcuda/cudart/array_format.h"
#include "libcuda/cudart/rows.h"

#include <algorithm>
#include <iterator>

namespace vgpu::runtime::calls {
namespace {

struct FlagField {
  int cudaTextureDesc::*field;
  unsigned flag;
};

constexpr FlagField kFlags[] = {
    {&cudaTextureDesc::normalizedCoords, CU_TRSF_NORMALIZED_COORDINATES},
    {&cudaTextureDesc::sRGB, CU_TRSF_SRGB},
    {&cudaTextureDesc::disableTrilinearOptimization, CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION},
    {&cudaTextureDesc::seamlessCubemap, CU_TRSF_SEAMLESS_CUBEMAP},
};

CUDA_TEXTURE_DESC driver_texture(const cudaTextureDesc& from) {
  CUDA_TEXTURE_DESC to{};
  for (int i = 0; i < 3; ++i) to.addressMode[i] = static_cast<CUaddress_mode>(from.addressMode[i]);
  to.filterMode = static_cast<CUfilter_mode>(from.filterMode);
  if (from.readMode == cudaReadModeElementType) to.flags |= CU_TRSF_READ_AS_INTEGER;
  for (const FlagField& row : kFlags)
    if (from.*row.field != 0) to.flags |= row.flag;
  to.maxAnisotropy = from.maxAnisotropy;
  to.mipmapFilterMode = static_cast<CUfilter_mode>(from.mipmapFilterMode);
  to.mipmapLevelBias = from.mipmapLevelBias;
  to.minMipmapLevelClamp = from.minMipmapLevelClamp;
  to.maxMipmapLevelClamp = from.maxMipmapLevelClamp;
  std::copy(std::begin(from.borderColor), std::end(from.borderColor), to.borderColor);
  return to;
}

cudaTextureDesc runtime_texture(const CUDA_TEXTURE_DESC& from) {
  cudaTextureDesc to{};
  for (int i = 0; i < 3; ++i) to.addressMode[i] = static_cast<cudaTextureAddressMode>(from.addressMode[i]);
  to.filterMode = static_cast<cudaTextureFilterMode>(from.filterMode);
  to.readMode = (from.flags & CU_TRSF_READ_AS_INTEGER) != 0 ? cudaReadModeElementType : cudaReadModeNormalizedFloat;
  for (const FlagField& row : kFlags) to.*row.field = (from.flags & row.flag) != 0;
  to.maxAnisotropy = from.maxAnisotropy;
  to.mipmapFilterMode = static_cast<cudaTextureFilterMode>(from.mipmapFilterMode);
  to.mipmapLevelBias = from.mipmapLevelBias;
  to.minMipmapLevelClamp = from.minMipmapLevelClamp;
  to.maxMipmapLevelClamp = from.maxMipmapLevelClamp;
  std::copy(std::begin(from.borderColor), std::end(from.borderColor), to.borderColor);
  return to;
}

cudaError_t driver_resource(const cudaResourceDesc& from, CUDA_RESOURCE_DESC* to) {
  *to = {};
  to->resType = static_cast<CUresourcetype>(from.resType);
  to->flags = from.flags;
  switch (from.resType) {
    case cudaResourceTypeArray:
      to->res.array.hArray = reinterpret_cast<CUarray>(from.res.array.array);
      return from.res.array.array == nullptr ? cudaErrorInvalidResourceHandle : cudaSuccess;
    case cudaResourceTypeMipmappedArray:
      to->res.mipmap.hMipmappedArray = reinterpret_cast<CUmipmappedArray>(from.res.mipmap.mipmap);
      return from.res.mipmap.mipmap == nullptr ? cudaErrorInvalidResourceHandle : cudaSuccess;
    case cudaResourceTypeLinear: {
      auto& linear = to->res.linear;
      linear.devPtr = reinterpret_cast<CUdeviceptr>(from.res.linear.devPtr);
      linear.sizeInBytes = from.res.linear.sizeInBytes;
      return find_format(from.res.linear.desc, &linear.format, &linear.numChannels) ? cudaSuccess
                                                                                    : cudaErrorInvalidChannelDescriptor;
    }
    case cudaResourceTypePitch2D: {
      auto& pitched = to->res.pitch2D;
      pitched.devPtr = reinterpret_cast<CUdeviceptr>(from.res.pitch2D.devPtr);
      pitched.width = from.res.pitch2D.width;
      pitched.height = from.res.pitch2D.height;
      pitched.pitchInBytes = from.res.pitch2D.pitchInBytes;
      return find_format(from.res.pitch2D.desc, &pitched.format, &pitched.numChannels)
                 ? cudaSuccess
                 : cudaErrorInvalidChannelDescriptor;
    }
  }
  return cudaErrorInvalidValue;
}

cudaError_t array_format(CUarray array, CUarray_format* format) {
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuArray3DGetDescriptor_v2)(&descriptor, array));
  *format = descriptor.Format;
  return cudaSuccess;
}

cudaError_t element_format(const CUDA_RESOURCE_DESC& resource, CUarray_format* format) {
  CUarray level = nullptr;
  switch (resource.resType) {
    case CU_RESOURCE_TYPE_ARRAY: return array_format(resource.res.array.hArray, format);
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY:
      VGPU_RETURN_ERROR(VGPU_DRIVER(cuMipmappedArrayGetLevel)(&level, resource.res.mipmap.hMipmappedArray, 0U));
      return array_format(level, format);
    case CU_RESOURCE_TYPE_LINEAR: *format = resource.res.linear.format; return cudaSuccess;
    case CU_RESOURCE_TYPE_PITCH2D: *format = resource.res.pitch2D.format; return cudaSuccess;
    default: return cudaErrorInvalidValue;
  }
}

// Only integers of 8 and 16 bits can be read as fractions, normalized formats only so; only fractions can be filtered.
cudaError_t check_reading(const CUDA_RESOURCE_DESC& resource, const cudaTextureDesc& texture) {
  CUarray_format format{};
  VGPU_RETURN_ERROR(element_format(resource, &format));
  const bool as_element = texture.readMode == cudaReadModeElementType;
  const bool as_fraction = texture.readMode == cudaReadModeNormalizedFloat;
  if (is_normalized(format)) return as_element ? cudaErrorInvalidNormSetting : cudaSuccess;
  if (format == CU_AD_FORMAT_HALF || format == CU_AD_FORMAT_FLOAT)
    return as_fraction ? cudaErrorInvalidNormSetting : cudaSuccess;
  const size_t bytes = format_bytes(format);
  if (bytes == 0) return cudaSuccess;  // Blocks and planes: the driver's to judge.
  if (texture.filterMode == cudaFilterModeLinear && (as_element || bytes == 4)) return cudaErrorInvalidFilterSetting;
  return as_fraction && bytes == 4 ? cudaErrorInvalidNormSetting : cudaSuccess;
}

cudaError_t runtime_resource(const CUDA_RESOURCE_DESC& from, cudaResourceDesc* to) {
  *to = {};
  to->resType = static_cast<cudaResourceType>(from.resType);
  to->flags = from.flags;
  switch (to->resType) {
    case cudaResourceTypeArray:
      to->res.array.array = reinterpret_cast<cudaArray_t>(from.res.array.hArray);
      return cudaSuccess;
    case cudaResourceTypeMipmappedArray:
      to->res.mipmap.mipmap = reinterpret_cast<cudaMipmappedArray_t>(from.res.mipmap.hMipmappedArray);
      return cudaSuccess;
    case cudaResourceTypeLinear: {
      const auto& linear = from.res.linear;
      to->res.linear.devPtr = reinterpret_cast<void*>(linear.devPtr);
      to->res.linear.sizeInBytes = linear.sizeInBytes;
      return find_channels(linear.format, linear.numChannels, &to->res.linear.desc) ? cudaSuccess
                                                                                    : cudaErrorNotSupported;
    }
    case cudaResourceTypePitch2D: {
      const auto& pitched = from.res.pitch2D;
      to->res.pitch2D.devPtr = reinterpret_cast<void*>(pitched.devPtr);
      to->res.pitch2D.width = pitched.width;
      to->res.pitch2D.height = pitched.height;
      to->res.pitch2D.pitchInBytes = pitched.pitchInBytes;
      return find_channels(pitched.format, pitched.numChannels, &to->res.pitch2D.desc) ? cudaSuccess
                                                                                       : cudaErrorNotSupported;
    }
  }
  return cudaErrorNotSupported;
}

}  // namespace

cudaError_t cudaCreateTextureObject(cudaTextureObject_t* object, const cudaResourceDesc* resource,
                                    const cudaTextureDesc* texture, const cudaResourceViewDesc* view) {
  if (resource == nullptr) return cudaErrorInvalidValue;
  if (texture == nullptr) return cudaErrorInvalidResourceHandle;
  VGPU_RETURN_ERROR(use_context());
  CUDA_RESOURCE_DESC driver_side;
  VGPU_RETURN_ERROR(driver_resource(*resource, &driver_side));
  VGPU_RETURN_ERROR(check_reading(driver_side, *texture));
  const CUDA_TEXTURE_DESC sampling = driver_texture(*texture);
  return VGPU_DRIVER(cuTexObjectCreate)(object, &driver_side, &sampling, view);
}

cudaError_t cudaCreateSurfaceObject(cudaSurfaceObject_t* object, const cudaResourceDesc* resource) {
  if (object == nullptr || resource == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  CUDA_RESOURCE_DESC driver_side;
  VGPU_RETURN_ERROR(driver_resource(*resource, &driver_side));
  return VGPU_DRIVER(cuSurfObjectCreate)(object, &driver_side);
}

cudaError_t cudaGetTextureObjectResourceDesc(cudaResourceDesc* resource, cudaTextureObject_t object) {
  if (resource == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  CUDA_RESOURCE_DESC driver_side;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuTexObjectGetResourceDesc)(&driver_side, object));
  return runtime_resource(driver_side, resource);
}

cudaError_t cudaGetSurfaceObjectResourceDesc(cudaResourceDesc* resource, cudaSurfaceObject_t object) {
  if (resource == nullptr) return cudaErrorInvalidDevice;
  VGPU_RETURN_ERROR(use_context());
  CUDA_RESOURCE_DESC driver_side;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuSurfObjectGetResourceDesc)(&driver_side, object));
  return runtime_resource(driver_side, resource);
}

cudaError_t cudaGetTextureObjectTextureDesc(cudaTextureDesc* texture, cudaTextureObject_t object) {
  if (texture == nullptr) return cudaErrorInvalidResourceHandle;
  VGPU_RETURN_ERROR(use_context());
  CUDA_TEXTURE_DESC driver_side;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuTexObjectGetTextureDesc)(&driver_side, object));
  *texture = runtime_texture(driver_side);
  return cudaSuccess;
}

}  // namespace vgpu::runtime::calls
