// SPDX-License-Identifier: Apache-2.0
// MemcpyOperation: checks a copy's description and moves the rows. Device and pinned ranges must lie within
// allocations, the part of an array within the array; host ranges may be any memory of the program, as CUDA's host
// pointers may.
#include <cstring>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/array.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

// One side of a copy: where its first byte is and how its rows follow each other, in bytes.
struct Side {
  uint64_t begin = 0;
  size_t pitch = 0;
  size_t slice = 0;  // from one depth level to the next
  bool may_be_pageable = false;
};

struct Extent {
  size_t width = 0, height = 0, depth = 0;
  bool empty() const { return width == 0 || height == 0 || depth == 0; }
};

struct SideDescription {
  CUmemorytype type;
  uint64_t host, device;
  CUarray array;
  size_t x, y, z, lod, pitch, height;
};

SideDescription source_of(const CUDA_MEMCPY3D_PEER& copy) {
  return {copy.srcMemoryType, reinterpret_cast<uint64_t>(copy.srcHost),
          copy.srcDevice,     copy.srcArray,
          copy.srcXInBytes,   copy.srcY,
          copy.srcZ,          copy.srcLOD,
          copy.srcPitch,      copy.srcHeight};
}
SideDescription destination_of(const CUDA_MEMCPY3D_PEER& copy) {
  return {copy.dstMemoryType, reinterpret_cast<uint64_t>(copy.dstHost),
          copy.dstDevice,     copy.dstArray,
          copy.dstXInBytes,   copy.dstY,
          copy.dstZ,          copy.dstLOD,
          copy.dstPitch,      copy.dstHeight};
}
Extent extent_of(const CUDA_MEMCPY3D_PEER& copy) { return {copy.WidthInBytes, copy.Height, copy.Depth}; }

// Adds a * b to `sum`; false on overflow.
bool add_product(uint64_t& sum, uint64_t a, uint64_t b) {
  uint64_t product = 0;
  return !__builtin_mul_overflow(a, b, &product) && !__builtin_add_overflow(sum, product, &sum);
}

// Whether [begin, begin + count) lies in [0, size).
bool lies_in(size_t begin, size_t count, size_t size) { return begin <= size && count <= size - begin; }

// Layers are slices, like levels of depth.
CuResult<Side> resolve_array(const SideDescription& at, const Extent& extent) {
  const Ref<Array> array = TRY(find_array(at.array));
  const Image& image = array->image();
  const ImageLevel& level = image.levels[0];
  const size_t texel = image.texel_bytes();
  if (at.x % texel != 0 || extent.width % texel != 0) return CUDA_ERROR_INVALID_VALUE;
  if (!lies_in(at.x, extent.width, level.pitch) || !lies_in(at.y, extent.height, level.height) ||
      !lies_in(at.z, extent.depth, size_t{level.depth} * image.layers))
    return CUDA_ERROR_INVALID_VALUE;
  return Side{image.address + level.offset + at.z * level.slice + at.y * level.pitch + at.x, level.pitch, level.slice,
              false};
}

CuResult<Side> resolve(const SideDescription& at, const Extent& extent) {
  if (at.lod != 0) return CUDA_ERROR_INVALID_VALUE;
  if (at.type == CU_MEMORYTYPE_ARRAY) return resolve_array(at, extent);
  Side side;
  switch (at.type) {
    case CU_MEMORYTYPE_HOST:
      side.begin = at.host;
      side.may_be_pageable = true;
      break;
    case CU_MEMORYTYPE_DEVICE: side.begin = at.device; break;
    case CU_MEMORYTYPE_UNIFIED:
      side.begin = at.device;
      side.may_be_pageable = true;
      break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  size_t row = 0;
  if (__builtin_add_overflow(at.x, extent.width, &row)) return CUDA_ERROR_INVALID_VALUE;
  side.pitch = at.pitch != 0 ? at.pitch : row;  // No pitch: the rows are packed.
  if (side.pitch < row) return CUDA_ERROR_INVALID_VALUE;
  const size_t rows = at.height != 0 || extent.depth > 1 ? at.height : at.y + extent.height;
  if (extent.depth > 1 && rows < at.y + extent.height) return CUDA_ERROR_INVALID_VALUE;
  if (__builtin_mul_overflow(side.pitch, rows, &side.slice)) return CUDA_ERROR_INVALID_VALUE;
  if (!add_product(side.begin, at.z, side.slice) || !add_product(side.begin, at.y, side.pitch) ||
      !add_product(side.begin, at.x, 1))
    return CUDA_ERROR_INVALID_VALUE;
  return side;
}

CUresult check(const Side& side, const Extent& extent) {
  uint64_t last = side.begin;
  if (!add_product(last, extent.depth - 1, side.slice) || !add_product(last, extent.height - 1, side.pitch) ||
      !add_product(last, extent.width, 1))
    return CUDA_ERROR_INVALID_VALUE;
  return Process::get()->memory().check_range(side.begin, last - side.begin, side.may_be_pageable);
}

CUresult validate(const CUDA_MEMCPY3D_PEER& copy) {
  const Extent extent = extent_of(copy);
  const Side from = TRY(resolve(source_of(copy), extent));
  const Side to = TRY(resolve(destination_of(copy), extent));
  if (extent.empty()) return CUDA_SUCCESS;
  VGPU_CHECK(check(from, extent));
  return check(to, extent);
}

bool is_pageable(const SideDescription& at, const Extent& extent) {
  const CuResult<Side> side = resolve(at, extent);
  return side && side.value().may_be_pageable && !Process::get()->memory().find(side.value().begin);
}

void move_rows(const Side& to, const Side& from, const Extent& extent) {
  const bool rows_joined = (to.pitch == extent.width && from.pitch == extent.width) || extent.height == 1;
  for (size_t z = 0; z < extent.depth; ++z) {
    // SAFETY: both ranges were checked against the allocations, or are the program's own host memory.
    auto* out = reinterpret_cast<std::byte*>(to.begin + z * to.slice);
    const auto* in = reinterpret_cast<const std::byte*>(from.begin + z * from.slice);
    if (rows_joined) {
      std::memmove(out, in, extent.width * extent.height);
      continue;
    }
    for (size_t y = 0; y < extent.height; ++y) std::memmove(out + y * to.pitch, in + y * from.pitch, extent.width);
  }
}

}  // namespace

CuResult<Ref<MemcpyOperation>> MemcpyOperation::create(const CUDA_MEMCPY3D_PEER& copy) {
  if (const CUresult status = validate(copy); status != CUDA_SUCCESS) return status;
  return Ref<MemcpyOperation>(new MemcpyOperation(copy));
}

CuResult<Ref<MemcpyOperation>> MemcpyOperation::create(const CUDA_MEMCPY3D& copy) {
  CUDA_MEMCPY3D_PEER general{};
  general.srcXInBytes = copy.srcXInBytes;
  general.srcY = copy.srcY;
  general.srcZ = copy.srcZ;
  general.srcLOD = copy.srcLOD;
  general.srcMemoryType = copy.srcMemoryType;
  general.srcHost = copy.srcHost;
  general.srcDevice = copy.srcDevice;
  general.srcArray = copy.srcArray;
  general.srcPitch = copy.srcPitch;
  general.srcHeight = copy.srcHeight;
  general.dstXInBytes = copy.dstXInBytes;
  general.dstY = copy.dstY;
  general.dstZ = copy.dstZ;
  general.dstLOD = copy.dstLOD;
  general.dstMemoryType = copy.dstMemoryType;
  general.dstHost = copy.dstHost;
  general.dstDevice = copy.dstDevice;
  general.dstArray = copy.dstArray;
  general.dstPitch = copy.dstPitch;
  general.dstHeight = copy.dstHeight;
  general.WidthInBytes = copy.WidthInBytes;
  general.Height = copy.Height;
  general.Depth = copy.Depth;
  return create(general);
}

CuResult<Ref<MemcpyOperation>> MemcpyOperation::create_1d(Place destination, Place source, size_t bytes) {
  CUDA_MEMCPY3D_PEER copy{};
  copy.srcMemoryType = source.type;
  copy.srcHost = reinterpret_cast<const void*>(source.address);
  copy.srcDevice = source.address;
  copy.srcArray = reinterpret_cast<CUarray>(source.address);
  copy.srcXInBytes = source.offset;
  copy.srcPitch = copy.dstPitch = bytes;
  copy.dstMemoryType = destination.type;
  copy.dstHost = reinterpret_cast<void*>(destination.address);
  copy.dstDevice = destination.address;
  copy.dstArray = reinterpret_cast<CUarray>(destination.address);
  copy.dstXInBytes = destination.offset;
  copy.WidthInBytes = bytes;
  copy.Height = copy.Depth = 1;
  return create(copy);
}

CUDA_MEMCPY3D MemcpyOperation::node_parameters() const {
  CUDA_MEMCPY3D copy{};
  copy.srcXInBytes = copy_.srcXInBytes;
  copy.srcY = copy_.srcY;
  copy.srcZ = copy_.srcZ;
  copy.srcMemoryType = copy_.srcMemoryType;
  copy.srcHost = copy_.srcHost;
  copy.srcDevice = copy_.srcDevice;
  copy.srcArray = copy_.srcArray;
  copy.srcPitch = copy_.srcPitch;
  copy.srcHeight = copy_.srcHeight;
  copy.dstXInBytes = copy_.dstXInBytes;
  copy.dstY = copy_.dstY;
  copy.dstZ = copy_.dstZ;
  copy.dstMemoryType = copy_.dstMemoryType;
  copy.dstHost = copy_.dstHost;
  copy.dstDevice = copy_.dstDevice;
  copy.dstArray = copy_.dstArray;
  copy.dstPitch = copy_.dstPitch;
  copy.dstHeight = copy_.dstHeight;
  copy.WidthInBytes = copy_.WidthInBytes;
  copy.Height = copy_.Height;
  copy.Depth = copy_.Depth;
  return copy;
}

size_t MemcpyOperation::bytes() const { return copy_.WidthInBytes * copy_.Height * copy_.Depth; }
bool MemcpyOperation::reads_pageable() const { return is_pageable(source_of(copy_), extent_of(copy_)); }
bool MemcpyOperation::writes_pageable() const { return is_pageable(destination_of(copy_), extent_of(copy_)); }

void MemcpyOperation::stage_source() {
  const Extent extent = extent_of(copy_);
  if (extent.empty() || staged_ != nullptr) return;
  const Side from = resolve(source_of(copy_), extent).value();
  staged_ = std::make_unique_for_overwrite<std::byte[]>(bytes());
  const Side to{reinterpret_cast<uint64_t>(staged_.get()), extent.width, extent.width * extent.height, true};
  move_rows(to, from, extent);
}

CUresult MemcpyOperation::run(Context&) {
  const Extent extent = extent_of(copy_);
  if (extent.empty()) return CUDA_SUCCESS;
  VGPU_CHECK(validate(copy_));
  const Side to = TRY(resolve(destination_of(copy_), extent));
  Side from = TRY(resolve(source_of(copy_), extent));
  if (staged_ != nullptr)
    from = {reinterpret_cast<uint64_t>(staged_.get()), extent.width, extent.width * extent.height, true};
  const std::shared_lock writes(Process::get()->memory().writers());
  move_rows(to, from, extent);
  return CUDA_SUCCESS;
}

CUresult enqueue_copy(Stream& stream, const Ref<MemcpyOperation>& copy) {
  // Below this, a copy takes less time than waking the thread that would make it.
  constexpr size_t kShort = size_t{256} << 10;
  // Pageable sources up to this size are read into a buffer when the stream is busy; larger ones are waited for.
  constexpr size_t kMaxStaged = size_t{64} << 20;
  if (stream.capture()) return stream.enqueue(copy);
  if (copy->writes_pageable()) return stream.execute(copy);
  if (copy->reads_pageable()) {
    if (stream.is_idle() || copy->bytes() > kMaxStaged) return stream.execute(copy);
    copy->stage_source();
    return stream.enqueue(copy);
  }
  return copy->bytes() <= kShort ? stream.enqueue_short(copy) : stream.enqueue(copy);
}

}  // namespace vgpu::soft
