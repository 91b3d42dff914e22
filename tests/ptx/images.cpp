// SPDX-License-Identifier: Apache-2.0
#include "tests/ptx/images.h"

#include <algorithm>
#include <cstring>

namespace vgpu::ptx_test {
namespace {

constexpr size_t kPitch = 512;  // of pitched memory: a multiple of every alignment

struct Format {
  const char* name;
  CUarray_format format;
};

constexpr Format kFormats[] = {
    {"u8", CU_AD_FORMAT_UNSIGNED_INT8}, {"u16", CU_AD_FORMAT_UNSIGNED_INT16}, {"u32", CU_AD_FORMAT_UNSIGNED_INT32},
    {"s8", CU_AD_FORMAT_SIGNED_INT8},   {"s16", CU_AD_FORMAT_SIGNED_INT16},   {"s32", CU_AD_FORMAT_SIGNED_INT32},
    {"f16", CU_AD_FORMAT_HALF},         {"f32", CU_AD_FORMAT_FLOAT},
};

CUarray_format format_of(const Type& type) {
  for (const Format& format : kFormats)
    if (type.name == format.name) return format.format;
  return CU_AD_FORMAT_MAX;
}

bool set_address_mode(ImageSpec& image, const std::string& word) {
  constexpr const char* kModes[] = {"wrap", "clamp", "mirror", "border"};
  for (int mode = 0; mode < 4; ++mode) {
    if (word != kModes[mode]) continue;
    std::fill_n(image.sampling.addressMode, 3, static_cast<CUaddress_mode>(mode));
    return true;
  }
  return false;
}

struct Flag {
  const char* word;
  unsigned flag;
};

bool set_flag(ImageSpec& image, const std::string& word) {
  constexpr Flag kArray[] = {
      {"layered", CUDA_ARRAY3D_LAYERED}, {"cube", CUDA_ARRAY3D_CUBEMAP}, {"gather", CUDA_ARRAY3D_TEXTURE_GATHER}};
  constexpr Flag kSampling[] = {
      {"normalized", CU_TRSF_NORMALIZED_COORDINATES}, {"srgb", CU_TRSF_SRGB}, {"seamless", CU_TRSF_SEAMLESS_CUBEMAP}};
  for (const Flag& flag : kArray)
    if (word == flag.word) image.array_flags |= flag.flag;
  for (const Flag& flag : kSampling)
    if (word == flag.word) image.sampling.flags |= flag.flag;
  const auto is = [&](const Flag& flag) { return word == flag.word; };
  return std::any_of(std::begin(kArray), std::end(kArray), is) ||
         std::any_of(std::begin(kSampling), std::end(kSampling), is);
}

bool parse_option(ImageSpec& image, const std::string& word, std::istringstream& line) {
  if (set_address_mode(image, word) || set_flag(image, word)) return true;
  if (word == "v2" || word == "v4") image.channels = word == "v2" ? 2 : 4;
  else if (word == "linear") image.sampling.filterMode = CU_TR_FILTER_MODE_LINEAR;
  else if (word == "trilinear") image.sampling.mipmapFilterMode = CU_TR_FILTER_MODE_LINEAR;
  else if (word == "unit") image.sampling.flags &= ~unsigned{CU_TRSF_READ_AS_INTEGER};
  else if (word == "memory") image.resource = CU_RESOURCE_TYPE_LINEAR;
  else if (word == "pitched") image.resource = CU_RESOURCE_TYPE_PITCH2D;
  else if (word == "bias") return static_cast<bool>(line >> image.sampling.mipmapLevelBias);
  else if (word == "levels") {
    image.resource = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
    return static_cast<bool>(line >> image.levels);
  } else return false;
  return true;
}

bool parse_values(std::istringstream& line, const Type& type, std::vector<Value>& values) {
  for (std::string word; line >> word;) {
    const auto value = parse_value(type, word);
    if (!value) return false;
    values.push_back(*value);
  }
  return true;
}

size_t texel_bytes(const ImageSpec& spec) { return spec.channels * spec.type.bytes; }

std::vector<unsigned char> bytes_of(const ImageSpec& spec) {
  std::vector<unsigned char> bytes(spec.values.size() * spec.type.bytes);
  for (size_t i = 0; i < spec.values.size(); ++i)
    std::memcpy(&bytes[i * spec.type.bytes], &spec.values[i].bits, spec.type.bytes);
  return bytes;
}

struct Extent {
  size_t width, height, depth;
  size_t texels() const { return width * height * depth; }
};

Extent extent_of(const CUDA_ARRAY3D_DESCRIPTOR& shape) {
  return {shape.Width, std::max<size_t>(shape.Height, 1), std::max<size_t>(shape.Depth, 1)};
}

// A whole array; exactly one of `from` and `to` is host memory.
CUresult copy_array(CUarray array, size_t texel, unsigned char* host, bool to_array) {
  CUDA_ARRAY3D_DESCRIPTOR shape = {};
  if (const CUresult code = cuArray3DGetDescriptor(&shape, array)) return code;
  const Extent extent = extent_of(shape);
  CUDA_MEMCPY3D copy = {};
  copy.srcMemoryType = to_array ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_ARRAY;
  copy.dstMemoryType = to_array ? CU_MEMORYTYPE_ARRAY : CU_MEMORYTYPE_HOST;
  copy.srcHost = copy.dstHost = host;
  copy.srcArray = copy.dstArray = array;
  copy.srcPitch = copy.dstPitch = copy.WidthInBytes = extent.width * texel;
  copy.srcHeight = copy.dstHeight = copy.Height = extent.height;
  copy.Depth = extent.depth;
  return cuMemcpy3D(&copy);
}

CUresult fill_levels(CUmipmappedArray mipmap, const ImageSpec& spec, std::vector<unsigned char> bytes) {
  size_t next = 0;
  for (unsigned level = 0; level < spec.levels; ++level) {
    CUarray array = nullptr;
    CUDA_ARRAY3D_DESCRIPTOR shape = {};
    if (const CUresult code = cuMipmappedArrayGetLevel(&array, mipmap, level)) return code;
    if (const CUresult code = cuArray3DGetDescriptor(&shape, array)) return code;
    const size_t size = extent_of(shape).texels() * texel_bytes(spec);
    if (bytes.size() - next < size) return CUDA_ERROR_INVALID_VALUE;
    if (const CUresult code = copy_array(array, texel_bytes(spec), &bytes[next], true)) return code;
    next += size;
  }
  return CUDA_SUCCESS;
}

}  // namespace

bool parse_image(std::istringstream& line, ImageSpec& image) {
  std::string word;
  line >> word;
  const auto type = find_type(word);
  if (!type || format_of(*type) == CU_AD_FORMAT_MAX) return false;
  image.type = *type;
  image.sampling.flags = CU_TRSF_READ_AS_INTEGER;
  std::fill_n(image.sampling.addressMode, 3, CU_TR_ADDRESS_MODE_CLAMP);
  bool first = true;
  for (bool last = false; !last; first = false) {
    if (!(line >> word)) return false;
    last = word.back() == ':';
    if (last) word.pop_back();
    if (first) {
      if (std::sscanf(word.c_str(), "%zux%zux%zu", &image.sizes[0], &image.sizes[1], &image.sizes[2]) < 1) return false;
    } else if (!parse_option(image, word, line)) {
      return false;
    }
  }
  image.sampling.maxMipmapLevelClamp = static_cast<float>(std::max(image.levels, 1u) - 1);
  return parse_values(line, image.type, image.values) && !image.values.empty();
}

bool parse_expected(std::istringstream& line, ImageSpec& image) {
  return parse_values(line, image.type, image.expected) && image.expected.size() == image.values.size();
}

CUresult Images::make_array(const ImageSpec& spec, Made& made, CUDA_RESOURCE_DESC& resource) {
  CUDA_ARRAY3D_DESCRIPTOR shape = {};
  shape.Width = spec.sizes[0];
  shape.Height = spec.sizes[1];
  shape.Depth = spec.sizes[2];
  shape.Format = format_of(spec.type);
  shape.NumChannels = spec.channels;
  shape.Flags = spec.array_flags | (spec.surface ? unsigned{CUDA_ARRAY3D_SURFACE_LDST} : 0u);
  // A layered line has layers, but no height.
  if ((shape.Flags & CUDA_ARRAY3D_LAYERED) != 0 && shape.Depth == 0) std::swap(shape.Height, shape.Depth);
  std::vector<unsigned char> bytes = bytes_of(spec);
  if (spec.levels != 0) {
    if (const CUresult code = cuMipmappedArrayCreate(&made.mipmap, &shape, spec.levels)) return code;
    resource.res.mipmap.hMipmappedArray = made.mipmap;
    return fill_levels(made.mipmap, spec, bytes);
  }
  if (extent_of(shape).texels() * texel_bytes(spec) != bytes.size()) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult code = cuArray3DCreate(&made.array, &shape)) return code;
  resource.res.array.hArray = made.array;
  return copy_array(made.array, texel_bytes(spec), bytes.data(), true);
}

CUresult Images::make_memory(const ImageSpec& spec, Made& made, CUDA_RESOURCE_DESC& resource) {
  const std::vector<unsigned char> bytes = bytes_of(spec);
  const size_t row = spec.sizes[0] * texel_bytes(spec);
  const size_t rows = std::max<size_t>(spec.sizes[1], 1);
  if (bytes.size() != row * rows || row > kPitch) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult code = cuMemAlloc(&made.memory, kPitch * rows)) return code;
  for (size_t y = 0; y < rows; ++y)
    if (const CUresult code = cuMemcpyHtoD(made.memory + y * kPitch, &bytes[y * row], row)) return code;
  if (spec.resource == CU_RESOURCE_TYPE_LINEAR)
    resource.res.linear = {made.memory, format_of(spec.type), spec.channels, bytes.size()};
  else resource.res.pitch2D = {made.memory, format_of(spec.type), spec.channels, spec.sizes[0], rows, kPitch};
  return CUDA_SUCCESS;
}

CUresult Images::create(const std::vector<ImageSpec>& specs) {
  for (const ImageSpec& spec : specs) {
    Made& made = made_.emplace_back();
    CUDA_RESOURCE_DESC resource = {};
    resource.resType = spec.resource;
    const bool in_memory = spec.resource == CU_RESOURCE_TYPE_LINEAR || spec.resource == CU_RESOURCE_TYPE_PITCH2D;
    if (const CUresult code = in_memory ? make_memory(spec, made, resource) : make_array(spec, made, resource))
      return code;
    unsigned long long handle = 0;
    if (const CUresult code = spec.surface ? cuSurfObjectCreate(&handle, &resource)
                                           : cuTexObjectCreate(&handle, &resource, &spec.sampling, nullptr))
      return code;
    made.surface = spec.surface;
    handles_.push_back(handle);
  }
  return CUDA_SUCCESS;
}

CUresult Images::read(const ImageSpec& spec, size_t index, std::vector<unsigned char>& bytes) const {
  bytes.resize(spec.values.size() * spec.type.bytes);
  return copy_array(made_[index].array, texel_bytes(spec), bytes.data(), false);
}

Images::~Images() {
  for (size_t i = 0; i < handles_.size(); ++i) {
    if (made_[i].surface) cuSurfObjectDestroy(handles_[i]);
    else cuTexObjectDestroy(handles_[i]);
  }
  for (const Made& made : made_) {
    if (made.array != nullptr) cuArrayDestroy(made.array);
    if (made.mipmap != nullptr) cuMipmappedArrayDestroy(made.mipmap);
    if (made.memory != 0) cuMemFree(made.memory);
  }
}

}  // namespace vgpu::ptx_test
