// SPDX-License-Identifier: Apache-2.0
// What arrays may look like follows cuArray3DCreate in the CUDA driver API.
#include "softgpu/driver/array.h"

#include <algorithm>
#include <bit>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/unimplemented.h"

namespace vgpu::soft {
namespace {

constexpr uint64_t kAlignment = 512;  // CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT
constexpr unsigned kKnownFlags = CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_SURFACE_LDST | CUDA_ARRAY3D_CUBEMAP |
                                 CUDA_ARRAY3D_TEXTURE_GATHER | CUDA_ARRAY3D_COLOR_ATTACHMENT;
constexpr unsigned kOtherFlags =
    CUDA_ARRAY3D_DEPTH_TEXTURE | CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING | CUDA_ARRAY3D_VIDEO_ENCODE_DECODE;

bool has(const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned flag) { return (descriptor.Flags & flag) != 0; }

struct Shape {
  unsigned dimensions = 1;
  size_t width = 0, height = 1, depth = 1, layers = 1;
  bool layered = false, cube = false;
};

// Height and depth are 0 where there is none; layers and faces are given as depth.
CuResult<Shape> shape_of(const CUDA_ARRAY3D_DESCRIPTOR& descriptor) {
  Shape shape;
  shape.layered = has(descriptor, CUDA_ARRAY3D_LAYERED);
  shape.cube = has(descriptor, CUDA_ARRAY3D_CUBEMAP);
  shape.width = descriptor.Width;
  if (descriptor.Width == 0) return CUDA_ERROR_INVALID_VALUE;
  const bool depth_is_layers = shape.layered || shape.cube;
  if (depth_is_layers) {
    if (descriptor.Depth == 0) return CUDA_ERROR_INVALID_VALUE;
    shape.layers = descriptor.Depth;
  } else if (descriptor.Depth != 0) {
    if (descriptor.Height == 0) return CUDA_ERROR_INVALID_VALUE;
    shape.depth = descriptor.Depth;
    shape.dimensions = 3;
  }
  if (descriptor.Height != 0) {
    shape.height = descriptor.Height;
    shape.dimensions = std::max(shape.dimensions, 2u);
  }
  if (shape.cube) {
    const bool right = shape.layered ? shape.layers % 6 == 0 : shape.layers == 6;
    if (!right || descriptor.Width != descriptor.Height) return CUDA_ERROR_INVALID_VALUE;
  }
  if (has(descriptor, CUDA_ARRAY3D_TEXTURE_GATHER) && (shape.dimensions != 2 || depth_is_layers))
    return CUDA_ERROR_INVALID_VALUE;
  return shape;
}

// The device's largest sizes for such a shape, as attributes.
struct Limits {
  CUdevice_attribute width, height, depth;  // the last is of layers where there are some
};

Limits texture_limits(const Shape& shape, bool mipmapped) {
  constexpr auto kNone = static_cast<CUdevice_attribute>(0);
  if (shape.cube && shape.layered)
    return {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURECUBEMAP_LAYERED_WIDTH, kNone,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURECUBEMAP_LAYERED_LAYERS};
  if (shape.cube) return {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURECUBEMAP_WIDTH, kNone, kNone};
  if (shape.layered && shape.dimensions == 1)
    return {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LAYERED_WIDTH, kNone,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LAYERED_LAYERS};
  if (shape.layered)
    return {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LAYERED_WIDTH, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LAYERED_HEIGHT,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_LAYERED_LAYERS};
  if (shape.dimensions == 3)
    return {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE3D_WIDTH, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE3D_HEIGHT,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE3D_DEPTH};
  if (shape.dimensions == 1)
    return {
        mipmapped ? CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_MIPMAPPED_WIDTH : CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_WIDTH,
        kNone, kNone};
  if (mipmapped)
    return {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_MIPMAPPED_WIDTH,
            CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_MIPMAPPED_HEIGHT, kNone};
  return {CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_WIDTH, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE2D_HEIGHT, kNone};
}

CUresult check_limits(const Device& device, const Shape& shape, bool mipmapped) {
  const Limits limits = texture_limits(shape, mipmapped);
  const auto fits = [&](size_t size, CUdevice_attribute limit) {
    return limit == 0 || size <= static_cast<size_t>(device.attribute(limit).value());
  };
  const size_t last = shape.layered || shape.cube ? shape.layers : shape.depth;
  const bool good = fits(shape.width, limits.width) && fits(shape.height, limits.height) && fits(last, limits.depth);
  return good ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// Memory for the image, which gets its address.
CUresult allocate(Context& context, Image& image) {
  Region region;
  region.size = image.bytes;
  region.kind = RegionKind::array;
  region.device = context.device().ordinal();
  region.context = context.handle_value();
  image.address = TRY(Process::get()->memory().allocate(region, kAlignment)).begin;
  return CUDA_SUCCESS;
}

CUresult check_context(const Context& context, uint64_t id) {
  VGPU_CHECK(context.check());
  // A primary context that died and came back has lost what it had.
  return context.id() == id ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

}  // namespace

CuResult<Image> image_of(const Device& device, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned levels) {
  const Shape shape = TRY(shape_of(descriptor));
  const ElementFormat format = TRY(element_format(descriptor.Format, descriptor.NumChannels));
  if ((descriptor.Flags & ~(kKnownFlags | kOtherFlags)) != 0) return CUDA_ERROR_INVALID_VALUE;
  if ((descriptor.Flags & kOtherFlags) != 0)
    return VGPU_UNIMPLEMENTED("an array for depth, sparse memory, deferred mapping or video");
  if (const CUresult status = check_limits(device, shape, levels > 1); status != CUDA_SUCCESS) return status;
  Image image;
  image.component = format.component;
  image.channels = static_cast<uint8_t>(format.channels);
  image.cube = shape.cube;
  image.layers = static_cast<uint32_t>(shape.layers);
  image.dimensions = shape.dimensions;
  lay_out(image, static_cast<uint32_t>(shape.width), static_cast<uint32_t>(shape.height),
          static_cast<uint32_t>(shape.depth), levels);
  return image;
}

Array::Array(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, const Image& image, bool is_level)
    : Object(Kind::array),
      context_(&context),
      context_id_(context.id()),
      descriptor_(descriptor),
      image_(image),
      is_level_(is_level) {}

CuResult<Ref<Array>> Array::create(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor) {
  Image image = TRY(image_of(context.device(), descriptor, 1));
  if (const CUresult status = allocate(context, image); status != CUDA_SUCCESS) return status;
  Ref<Array> array(new Array(context, descriptor, image, false));
  publish(array);
  return array;
}

Ref<Array> Array::create_level(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, const Image& image,
                               unsigned level) {
  CUDA_ARRAY3D_DESCRIPTOR own = descriptor;
  Image part = image;
  part.level_count = 1;
  part.levels[0] = image.levels[level];
  own.Width = part.levels[0].width;
  if (own.Height != 0) own.Height = part.levels[0].height;
  if (image.dimensions == 3) own.Depth = part.levels[0].depth;
  Ref<Array> array(new Array(context, own, part, true));
  publish(array);
  return array;
}

CUresult Array::check() const { return check_context(*context_, context_id_); }

MipmappedArray::MipmappedArray(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, const Image& image)
    : Object(Kind::mipmapped_array),
      context_(&context),
      context_id_(context.id()),
      descriptor_(descriptor),
      image_(image),
      levels_(image.level_count) {}

CuResult<Ref<MipmappedArray>> MipmappedArray::create(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor,
                                                     unsigned levels) {
  // As many as there are sizes down to a single texel; layers do not shrink.
  const bool has_depth = !has(descriptor, CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP);
  const size_t largest = std::max({descriptor.Width, descriptor.Height, has_depth ? descriptor.Depth : size_t{0}});
  const unsigned most = std::max(static_cast<unsigned>(std::bit_width(largest)), 1u);
  // The limits of mipmapped textures hold for a single level, too.
  Image image = TRY(image_of(context.device(), descriptor, 2));
  const ImageLevel base = image.levels[0];
  lay_out(image, base.width, base.height, base.depth, std::clamp(levels, 1u, most));
  if (const CUresult status = allocate(context, image); status != CUDA_SUCCESS) return status;
  Ref<MipmappedArray> array(new MipmappedArray(context, descriptor, image));
  publish(array);
  return array;
}

CUresult MipmappedArray::check() const { return check_context(*context_, context_id_); }

CuResult<Ref<Array>> MipmappedArray::level(unsigned level) {
  if (level >= image_.level_count) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(mutex_);
  if (!levels_[level]) levels_[level] = Array::create_level(*context_, descriptor_, image_, level);
  return levels_[level];
}

void MipmappedArray::retire_levels() {
  const std::lock_guard lock(mutex_);
  for (const Ref<Array>& level : levels_)
    if (level) retire(level);
}

CuResult<Ref<Array>> find_array(CUarray handle) {
  Ref<Array> array = find<Array>(handle);
  if (!array) return CUDA_ERROR_INVALID_HANDLE;
  if (const CUresult status = array->check(); status != CUDA_SUCCESS) return status;
  return array;
}

CuResult<Ref<MipmappedArray>> find_mipmapped_array(CUmipmappedArray handle) {
  Ref<MipmappedArray> array = find<MipmappedArray>(handle);
  if (!array) return CUDA_ERROR_INVALID_HANDLE;
  if (const CUresult status = array->check(); status != CUDA_SUCCESS) return status;
  return array;
}

}  // namespace vgpu::soft
