// SPDX-License-Identifier: Apache-2.0
// Rows name exported symbols, so their header needs the internal names of CUDA's.
#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#include "host/worker/hand/tile_mapping.h"

#include "tests/support/test.h"

namespace vgpu::host::hand {
namespace {

constexpr CUmemGenericAllocationHandle kPool = 7, kOtherMemory = 8;
constexpr uint64_t kPoolBytes = uint64_t{1} << 21;

// A driver with two devices, tiles of 128 by 128, and a pool of tiles on the second.
CUresult count_devices(int* count) { return *count = 2, CUDA_SUCCESS; }
CUresult describe_tiles(CUDA_ARRAY_SPARSE_PROPERTIES* tiles) {
  *tiles = {};
  tiles->tileExtent = {128, 128, 1};
  tiles->miptailFirstLevel = 3;
  tiles->miptailSize = 131072;
  return CUDA_SUCCESS;
}
CUresult array_tiles(CUDA_ARRAY_SPARSE_PROPERTIES* tiles, CUarray) { return describe_tiles(tiles); }
CUresult mipmap_tiles(CUDA_ARRAY_SPARSE_PROPERTIES* tiles, CUmipmappedArray) { return describe_tiles(tiles); }
CUresult describe_memory(CUmemAllocationProp* properties, CUmemGenericAllocationHandle memory) {
  if (memory != kPool && memory != kOtherMemory) return CUDA_ERROR_INVALID_VALUE;
  *properties = {};
  properties->location = {CU_MEM_LOCATION_TYPE_DEVICE, 1};
  properties->allocFlags.usage = memory == kPool ? CU_MEM_CREATE_USAGE_TILE_POOL : 0;
  return CUDA_SUCCESS;
}

Driver tiled_driver() {
  std::array<void*, kOpcodes> entries = {};
  const auto set = [&](uint16_t opcode, auto* function) { entries[opcode] = reinterpret_cast<void*>(function); };
  set(api::opcode::cuDeviceGetCount, &count_devices);
  set(api::opcode::cuArrayGetSparseProperties, &array_tiles);
  set(api::opcode::cuMipmappedArrayGetSparseProperties, &mipmap_tiles);
  set(api::opcode::cuMemGetAllocationPropertiesFromHandle, &describe_memory);
  return Driver::of(entries);
}

MappableArray shape_of(size_t width, size_t height, size_t depth, unsigned flags, unsigned levels = 1) {
  MappableArray array;
  array.shape.Width = width;
  array.shape.Height = height;
  array.shape.Depth = depth;
  array.shape.Flags = flags;
  array.levels = levels;
  return array;
}

// The first tile of an array, mapped.
CUarrayMapInfo first_tile() {
  CUarrayMapInfo mapping = {};
  mapping.resourceType = CU_RESOURCE_TYPE_ARRAY;
  mapping.subresourceType = CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_SPARSE_LEVEL;
  mapping.subresource.sparseLevel.extentWidth = mapping.subresource.sparseLevel.extentHeight = 128;
  mapping.subresource.sparseLevel.extentDepth = 1;
  mapping.memOperationType = CU_MEM_OPERATION_TYPE_MAP;
  mapping.memHandleType = CU_MEM_HANDLE_TYPE_GENERIC;
  mapping.memHandle.memHandle = kPool;
  mapping.deviceBitMask = 2;
  return mapping;
}

template <class Spoil>
CUresult but(const MappableArray& array, Spoil spoil) {
  CUarrayMapInfo mapping = first_tile();
  spoil(mapping);
  return check_mapping(tiled_driver(), mapping, array, kPoolBytes);
}

const MappableArray kFlat = shape_of(1000, 512, 0, CUDA_ARRAY3D_SPARSE);

TEST_CASE("tiles within an array are mapped and unmapped", "[unit][tile-mapping]") {
  CHECK(but(kFlat, [](CUarrayMapInfo&) {}) == CUDA_SUCCESS);
  CHECK(but(kFlat, [](CUarrayMapInfo& m) { m.offset = 65536; }) == CUDA_SUCCESS);
  CHECK(but(kFlat, [](CUarrayMapInfo& m) { m.subresource.sparseLevel.offsetX = 896; }) == CUDA_SUCCESS);
  CHECK(but(kFlat, [](CUarrayMapInfo& m) { m.subresource.sparseLevel.extentWidth = 1000; }) == CUDA_SUCCESS);
  CHECK(but(kFlat, [](CUarrayMapInfo& m) {
          m.memOperationType = CU_MEM_OPERATION_TYPE_UNMAP;
          m.memHandle.memHandle = 0;
        }) == CUDA_SUCCESS);
}

TEST_CASE("tiles are mapped onto memory that is made for them", "[unit][tile-mapping]") {
  CHECK(but(kFlat, [](CUarrayMapInfo& m) { m.memHandle.memHandle = 0; }) == CUDA_ERROR_INVALID_VALUE);
  CHECK(but(kFlat, [](CUarrayMapInfo& m) { m.memHandle.memHandle = kOtherMemory; }) == CUDA_ERROR_INVALID_VALUE);
  CHECK(but(kFlat, [](CUarrayMapInfo& m) { m.offset = kPoolBytes; }) == CUDA_ERROR_INVALID_VALUE);
  CHECK(but(kFlat, [](CUarrayMapInfo& m) { m.memHandleType = static_cast<CUmemHandleType>(1); }) ==
        CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE("one device maps, and has the memory", "[unit][tile-mapping]") {
  for (const unsigned mask : {0u, 1u, 3u, 4u, 1u << 31})
    CHECK(but(kFlat, [mask](CUarrayMapInfo& m) { m.deviceBitMask = mask; }) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE("words that mean nothing map nothing", "[unit][tile-mapping]") {
  CHECK(but(kFlat, [](CUarrayMapInfo& m) { m.flags = 1; }) == CUDA_ERROR_INVALID_VALUE);
  CHECK(but(kFlat, [](CUarrayMapInfo& m) { m.memOperationType = static_cast<CUmemOperationType>(0); }) ==
        CUDA_ERROR_INVALID_VALUE);
  CHECK(but(kFlat, [](CUarrayMapInfo& m) { m.subresourceType = static_cast<CUarraySparseSubresourceType>(2); }) ==
        CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE("what lies outside of an array, or cuts a tile, is not mapped", "[unit][tile-mapping]") {
  const auto refused = [](auto spoil) {
    return but(kFlat, [spoil](CUarrayMapInfo& m) { spoil(m.subresource.sparseLevel); }) == CUDA_ERROR_INVALID_VALUE;
  };
  CHECK(refused([](auto& level) { level.level = 1; }));
  CHECK(refused([](auto& level) { level.level = 4000; }));
  CHECK(refused([](auto& level) { level.layer = 1; }));
  CHECK(refused([](auto& level) { level.offsetX = 64; }));
  CHECK(refused([](auto& level) { level.offsetX = 1024; }));
  CHECK(refused([](auto& level) { level.offsetY = 0xffffff80u; }));
  CHECK(refused([](auto& level) { level.offsetZ = 1; }));
  CHECK(refused([](auto& level) { level.extentWidth = 0; }));
  CHECK(refused([](auto& level) { level.extentWidth = 100; }));
  CHECK(refused([](auto& level) { level.extentHeight = 640; }));
  CHECK(refused([](auto& level) { level.extentHeight = 0xffffff80u; }));
  CHECK(refused([](auto& level) { level.extentDepth = 0; }));
  CHECK(refused([](auto& level) { level.extentDepth = 2; }));
}

TEST_CASE("levels and layers have sizes of their own", "[unit][tile-mapping]") {
  MappableArrays arrays;
  arrays.created(1, shape_of(1024, 1024, 3, CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_LAYERED, 1000));
  const MappableArray array = arrays.find(1).value();
  CHECK(array.levels == 11);
  const auto at = [&](unsigned level, unsigned layer, unsigned offset) {
    return but(array, [=](CUarrayMapInfo& m) {
      m.resourceType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
      m.subresource.sparseLevel.level = level;
      m.subresource.sparseLevel.layer = layer;
      m.subresource.sparseLevel.offsetX = offset;
    });
  };
  CHECK(at(0, 2, 896) == CUDA_SUCCESS);
  CHECK(at(2, 2, 128) == CUDA_SUCCESS);
  CHECK(at(2, 3, 128) == CUDA_ERROR_INVALID_VALUE);
  CHECK(at(2, 2, 256) == CUDA_ERROR_INVALID_VALUE);
  CHECK(at(11, 2, 0) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE("the tail of the levels is mapped as bytes", "[unit][tile-mapping]") {
  const auto tail = [](unsigned layer, uint64_t offset, uint64_t size) {
    return but(kFlat, [=](CUarrayMapInfo& m) {
      m.subresourceType = CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_MIPTAIL;
      m.subresource.miptail.layer = layer;
      m.subresource.miptail.offset = offset;
      m.subresource.miptail.size = size;
    });
  };
  CHECK(tail(0, 0, 131072) == CUDA_SUCCESS);
  CHECK(tail(0, 65536, 65536) == CUDA_SUCCESS);
  CHECK(tail(1, 0, 65536) == CUDA_ERROR_INVALID_VALUE);
  CHECK(tail(0, 0, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(tail(0, 65536, 131072) == CUDA_ERROR_INVALID_VALUE);
  CHECK(tail(0, ~uint64_t{0}, 65536) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE("an array that waits for all of its memory needs no tiles", "[unit][tile-mapping]") {
  const MappableArray deferred = shape_of(64, 64, 0, CUDA_ARRAY3D_DEFERRED_MAPPING);
  CHECK(but(deferred, [](CUarrayMapInfo& m) { m.subresource.sparseLevel.level = 77; }) == CUDA_SUCCESS);
  CHECK(but(deferred, [](CUarrayMapInfo& m) { m.memHandle.memHandle = 0; }) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE("only arrays without memory of their own are known", "[unit][tile-mapping]") {
  MappableArrays arrays;
  arrays.created(1, kFlat);
  arrays.created(2, shape_of(64, 64, 0, 0));
  CHECK(arrays.find(1).has_value());
  CHECK_FALSE(arrays.find(2).has_value());
  arrays.created(1, shape_of(64, 64, 0, 0));
  CHECK_FALSE(arrays.find(1).has_value());
  arrays.created(3, kFlat);
  CHECK(arrays.take(3).has_value());
  CHECK_FALSE(arrays.take(3).has_value());
}

}  // namespace
}  // namespace vgpu::host::hand
