// SPDX-License-Identifier: Apache-2.0
// From CUDA's descriptors of resources, sampling and views to the machine's texture. The rules are those of
// cuTexObjectCreate in the CUDA driver API.
#include <algorithm>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/array.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/texture_object.h"

namespace vgpu::soft {
namespace {

struct Source {
  Image image;
  bool normalised = false;  // by its format
};

size_t limit(const Device& device, CUdevice_attribute attribute) {
  return static_cast<size_t>(device.attribute(attribute).value());
}

CUresult check_memory(uint64_t address, uint64_t bytes) {
  return Process::get()->memory().check_range(address, bytes, false);
}

CuResult<Source> linear_source(const Device& device, const CUDA_RESOURCE_DESC& resource) {
  const auto& linear = resource.res.linear;
  const ElementFormat format = TRY(element_format(linear.format, linear.numChannels));
  const size_t width = linear.sizeInBytes / format.bytes();
  if (width == 0 || width > limit(device, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LINEAR_WIDTH))
    return CUDA_ERROR_INVALID_VALUE;
  if (linear.devPtr % limit(device, CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT) != 0) return CUDA_ERROR_INVALID_VALUE;
  Source source;
  source.normalised = format.normalised;
  Image& image = source.image;
  image.component = format.component;
  image.channels = static_cast<uint8_t>(format.channels);
  lay_out(image, static_cast<uint32_t>(width), 1, 1, 1);
  image.address = linear.devPtr;
  image.bytes = image.levels[0].slice;
  if (const CUresult status = check_memory(image.address, image.bytes); status != CUDA_SUCCESS) return status;
  return source;
}

CuResult<Source> pitched_source(const Device& device, const CUDA_RESOURCE_DESC& resource) {
  const auto& pitched = resource.res.pitch2D;
  const ElementFormat format = TRY(element_format(pitched.format, pitched.numChannels));
  if (pitched.width == 0 || pitched.height == 0 ||
      pitched.width > limit(device, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LINEAR_WIDTH) ||
      pitched.height > limit(device, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LINEAR_HEIGHT) ||
      pitched.pitchInBytes > limit(device, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LINEAR_PITCH))
    return CUDA_ERROR_INVALID_VALUE;
  if (pitched.devPtr % limit(device, CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT) != 0 ||
      pitched.pitchInBytes % limit(device, CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT) != 0 ||
      pitched.pitchInBytes < pitched.width * format.bytes())
    return CUDA_ERROR_INVALID_VALUE;
  Source source;
  source.normalised = format.normalised;
  Image& image = source.image;
  image.component = format.component;
  image.channels = static_cast<uint8_t>(format.channels);
  image.dimensions = 2;
  lay_out(image, static_cast<uint32_t>(pitched.width), static_cast<uint32_t>(pitched.height), 1, 1);
  image.address = pitched.devPtr;
  image.levels[0].pitch = pitched.pitchInBytes;
  // The last row need not be there in full.
  image.bytes = pitched.pitchInBytes * (pitched.height - 1) + pitched.width * format.bytes();
  if (const CUresult status = check_memory(image.address, image.bytes); status != CUDA_SUCCESS) return status;
  return source;
}

CuResult<Source> source_of(const Device& device, const CUDA_RESOURCE_DESC& resource) {
  if (resource.flags != 0) return CUDA_ERROR_INVALID_VALUE;
  Source source;
  CUDA_ARRAY3D_DESCRIPTOR descriptor{};
  switch (resource.resType) {
    case CU_RESOURCE_TYPE_ARRAY: {
      const Ref<Array> array = TRY(find_array(resource.res.array.hArray));
      source.image = array->image();
      descriptor = array->descriptor();
      break;
    }
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY: {
      const Ref<MipmappedArray> array = TRY(find_mipmapped_array(resource.res.mipmap.hMipmappedArray));
      source.image = array->image();
      descriptor = array->descriptor();
      break;
    }
    case CU_RESOURCE_TYPE_LINEAR: return linear_source(device, resource);
    case CU_RESOURCE_TYPE_PITCH2D: return pitched_source(device, resource);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  source.normalised = TRY(element_format(descriptor.Format, descriptor.NumChannels)).normalised;
  return source;
}

// Another format of the same size, and parts of the levels and layers.
CUresult apply_view(Source& source, const CUDA_RESOURCE_DESC& resource, const CUDA_RESOURCE_VIEW_DESC& view) {
  if (resource.resType != CU_RESOURCE_TYPE_ARRAY && resource.resType != CU_RESOURCE_TYPE_MIPMAPPED_ARRAY)
    return CUDA_ERROR_INVALID_VALUE;
  Image& image = source.image;
  if (view.format != CU_RES_VIEW_FORMAT_NONE) {
    const ElementFormat format = TRY(view_format(view.format));
    if (format.bytes() != image.texel_bytes()) return CUDA_ERROR_INVALID_VALUE;
    image.component = format.component;
    image.channels = static_cast<uint8_t>(format.channels);
    source.normalised = false;
  }
  const auto differs = [](size_t given, uint32_t is) { return given != 0 && given != is; };
  if (differs(view.width, image.levels[0].width) || differs(view.height, image.levels[0].height))
    return CUDA_ERROR_INVALID_VALUE;
  if (view.firstMipmapLevel > view.lastMipmapLevel || view.lastMipmapLevel >= image.level_count ||
      view.firstLayer > view.lastLayer || view.lastLayer >= image.layers)
    return CUDA_ERROR_INVALID_VALUE;
  image.level_count = view.lastMipmapLevel - view.firstMipmapLevel + 1;
  std::copy_n(image.levels.begin() + view.firstMipmapLevel, image.level_count, image.levels.begin());
  // All zero means all layers: a view of a cube need not name them.
  if (view.firstLayer == 0 && view.lastLayer == 0) return CUDA_SUCCESS;
  image.layers = view.lastLayer - view.firstLayer + 1;
  image.cube = image.cube && image.layers % 6 == 0;
  for (uint32_t i = 0; i < image.level_count; ++i) image.levels[i].offset += view.firstLayer * image.levels[i].slice;
  return CUDA_SUCCESS;
}

constexpr unsigned kKnownFlags = CU_TRSF_READ_AS_INTEGER | CU_TRSF_NORMALIZED_COORDINATES | CU_TRSF_SRGB |
                                 CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION | CU_TRSF_SEAMLESS_CUBEMAP;

bool is_filter(CUfilter_mode mode) { return mode == CU_TR_FILTER_MODE_POINT || mode == CU_TR_FILTER_MODE_LINEAR; }

CuResult<Sampler> sampler_of(const CUDA_TEXTURE_DESC& sampling) {
  if ((sampling.flags & ~kKnownFlags) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (!is_filter(sampling.filterMode) || !is_filter(sampling.mipmapFilterMode)) return CUDA_ERROR_INVALID_VALUE;
  Sampler sampler;
  for (unsigned i = 0; i < 3; ++i) {
    const CUaddress_mode mode = sampling.addressMode[i];
    if (mode < CU_TR_ADDRESS_MODE_WRAP || mode > CU_TR_ADDRESS_MODE_BORDER) return CUDA_ERROR_INVALID_VALUE;
    sampler.address[i] = static_cast<AddressMode>(mode);
  }
  sampler.linear = sampling.filterMode == CU_TR_FILTER_MODE_LINEAR;
  sampler.linear_mipmap = sampling.mipmapFilterMode == CU_TR_FILTER_MODE_LINEAR;
  sampler.normalised_coordinates = (sampling.flags & CU_TRSF_NORMALIZED_COORDINATES) != 0;
  sampler.srgb = (sampling.flags & CU_TRSF_SRGB) != 0;
  sampler.seamless = (sampling.flags & CU_TRSF_SEAMLESS_CUBEMAP) != 0;
  sampler.bias = sampling.mipmapLevelBias;
  sampler.least_level = sampling.minMipmapLevelClamp;
  sampler.greatest_level = sampling.maxMipmapLevelClamp;
  std::copy_n(sampling.borderColor, 4, sampler.border.begin());
  return sampler;
}

}  // namespace

CuResult<Texture> describe_texture(Device& device, const CUDA_RESOURCE_DESC& resource,
                                   const CUDA_TEXTURE_DESC& sampling, const CUDA_RESOURCE_VIEW_DESC* view) {
  Source source = TRY(source_of(device, resource));
  if (view != nullptr)
    if (const CUresult status = apply_view(source, resource, *view); status != CUDA_SUCCESS) return status;
  Texture texture;
  texture.image = source.image;
  texture.sampler = TRY(sampler_of(sampling));
  // 32-bit integers are never promoted.
  const Component component = texture.image.component;
  const bool narrow = !is_float(component) && bytes_of(component) < 4;
  texture.sampler.normalised_values = narrow && (source.normalised || (sampling.flags & CU_TRSF_READ_AS_INTEGER) == 0);
  return texture;
}

CuResult<Texture> describe_surface(const CUDA_RESOURCE_DESC& resource) {
  if (resource.resType != CU_RESOURCE_TYPE_ARRAY || resource.flags != 0) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Array> array = TRY(find_array(resource.res.array.hArray));
  Texture texture;
  texture.image = array->image();
  texture.surface = true;
  return texture;
}

}  // namespace vgpu::soft
