// SPDX-License-Identifier: Apache-2.0
#include "host/worker/hand/tile_mapping.h"

#include <algorithm>
#include <bit>
#include <iterator>

namespace vgpu::host::hand {
namespace {

// One dimension of a level, and what a mapping wants of it. Whole tiles; the last one may reach over the edge.
struct Span {
  uint64_t size, tile, begin, length;

  bool is_of_tiles() const {
    if (tile == 0 || length == 0 || begin % tile != 0) return false;
    const uint64_t end = begin + length;
    return (end % tile == 0 || end == size) && end <= (size + tile - 1) / tile * tile;
  }
};

bool is_layered(const CUDA_ARRAY3D_DESCRIPTOR& shape) {
  return (shape.Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP)) != 0;
}

uint64_t layers_of(const CUDA_ARRAY3D_DESCRIPTOR& shape) {
  return is_layered(shape) ? std::max<uint64_t>(shape.Depth, 1) : 1;
}

// CUDA makes no more levels than there are sizes, however many it is asked for.
unsigned levels_of(const MappableArray& made) {
  const CUDA_ARRAY3D_DESCRIPTOR& shape = made.shape;
  const size_t largest = std::max({shape.Width, shape.Height, is_layered(shape) ? size_t{1} : shape.Depth, size_t{1}});
  return std::clamp(made.levels, 1u, static_cast<unsigned>(std::bit_width(largest)));
}

uint64_t at_level(uint64_t size, unsigned level) { return std::max<uint64_t>(size >> level, 1); }

bool is_in_level(const CUarrayMapInfo& mapping, const MappableArray& array, const CUDA_ARRAY_SPARSE_PROPERTIES& tiles) {
  const auto& wanted = mapping.subresource.sparseLevel;
  const CUDA_ARRAY3D_DESCRIPTOR& shape = array.shape;
  if (wanted.level >= array.levels || wanted.layer >= layers_of(shape)) return false;
  const uint64_t depth = is_layered(shape) ? 1 : at_level(shape.Depth, wanted.level);
  const Span spans[] = {
      {at_level(shape.Width, wanted.level), tiles.tileExtent.width, wanted.offsetX, wanted.extentWidth},
      {at_level(shape.Height, wanted.level), tiles.tileExtent.height, wanted.offsetY, wanted.extentHeight},
      {depth, tiles.tileExtent.depth, wanted.offsetZ, wanted.extentDepth}};
  return std::all_of(std::begin(spans), std::end(spans), [](const Span& span) { return span.is_of_tiles(); });
}

bool is_in_tail(const CUarrayMapInfo& mapping, const MappableArray& array, const CUDA_ARRAY_SPARSE_PROPERTIES& tiles) {
  const auto& wanted = mapping.subresource.miptail;
  const uint64_t size = tiles.miptailSize;
  return wanted.layer < layers_of(array.shape) && wanted.size != 0 && wanted.size <= size &&
         wanted.offset <= size - wanted.size;
}

bool is_in_array(const Driver& driver, const CUarrayMapInfo& mapping, const MappableArray& array) {
  if ((array.shape.Flags & CUDA_ARRAY3D_SPARSE) == 0) return true;  // all of it is mapped at once
  CUDA_ARRAY_SPARSE_PROPERTIES tiles = {};
  const CUresult known =
      mapping.resourceType == CU_RESOURCE_TYPE_ARRAY
          ? VGPU_DRIVER(driver, cuArrayGetSparseProperties)(&tiles, mapping.resource.array)
          : VGPU_DRIVER(driver, cuMipmappedArrayGetSparseProperties)(&tiles, mapping.resource.mipmap);
  if (known != CUDA_SUCCESS) return false;
  switch (mapping.subresourceType) {
    case CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_SPARSE_LEVEL: return is_in_level(mapping, array, tiles);
    case CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_MIPTAIL: return is_in_tail(mapping, array, tiles);
    default: return false;
  }
}

// Memory for tiles, on the device that maps it.
bool is_tile_pool(const Driver& driver, const CUarrayMapInfo& mapping, uint64_t memory_bytes) {
  const CUmemGenericAllocationHandle memory = mapping.memHandle.memHandle;
  CUmemAllocationProp properties = {};
  if (memory == 0 || VGPU_DRIVER(driver, cuMemGetAllocationPropertiesFromHandle)(&properties, memory) != CUDA_SUCCESS)
    return false;
  return mapping.memHandleType == CU_MEM_HANDLE_TYPE_GENERIC &&
         (properties.allocFlags.usage & CU_MEM_CREATE_USAGE_TILE_POOL) != 0 &&
         properties.location.type == CU_MEM_LOCATION_TYPE_DEVICE &&
         properties.location.id == std::countr_zero(mapping.deviceBitMask) &&
         (memory_bytes == 0 || mapping.offset < memory_bytes);
}

bool names_a_device(const Driver& driver, unsigned mask) {
  int devices = 0;
  return std::has_single_bit(mask) && VGPU_DRIVER(driver, cuDeviceGetCount)(&devices) == CUDA_SUCCESS &&
         std::countr_zero(mask) < devices;
}

}  // namespace

void MappableArrays::created(uint64_t array, const MappableArray& made) {
  const std::lock_guard lock(mutex_);
  arrays_.erase(array);
  if ((made.shape.Flags & (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING)) != 0)
    arrays_.emplace(array, MappableArray{made.shape, levels_of(made)});
}

std::optional<MappableArray> MappableArrays::take(uint64_t array) {
  const std::lock_guard lock(mutex_);
  const auto found = arrays_.extract(array);
  return found.empty() ? std::nullopt : std::optional(found.mapped());
}

std::optional<MappableArray> MappableArrays::find(uint64_t array) const {
  const std::lock_guard lock(mutex_);
  const auto found = arrays_.find(array);
  return found == arrays_.end() ? std::nullopt : std::optional(found->second);
}

CUresult check_mapping(const Driver& driver, const CUarrayMapInfo& mapping, const MappableArray& array,
                       uint64_t memory_bytes) {
  if (mapping.flags != 0 || !names_a_device(driver, mapping.deviceBitMask)) return CUDA_ERROR_INVALID_VALUE;
  if (!is_in_array(driver, mapping, array)) return CUDA_ERROR_INVALID_VALUE;
  switch (mapping.memOperationType) {
    case CU_MEM_OPERATION_TYPE_MAP:
      return is_tile_pool(driver, mapping, memory_bytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    case CU_MEM_OPERATION_TYPE_UNMAP: return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace vgpu::host::hand
