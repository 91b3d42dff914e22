// SPDX-License-Identifier: Apache-2.0
// Sparse arrays, whose tiles are backed one by one. CUDA driver API: Virtual Memory Management, cuMemMapArrayAsync.
#include "tests/contract/fixture.h"

namespace {

constexpr size_t kSide = 1024;

// An array of floats without memory, and memory for its first tiles.
class SparseArray : public Gpu {
 public:
  SparseArray() {
    if (attribute(CU_DEVICE_ATTRIBUTE_SPARSE_CUDA_ARRAY_SUPPORTED) == 0) return;
    CUDA_ARRAY3D_DESCRIPTOR shape = {};
    shape.Width = shape.Height = kSide;
    shape.Format = CU_AD_FORMAT_FLOAT;
    shape.NumChannels = 1;
    shape.Flags = CUDA_ARRAY3D_SPARSE;
    REQUIRE_CUDA(cuArray3DCreate(&array, &shape));
    REQUIRE_CUDA(cuArrayGetSparseProperties(&tiles, array));
    CUmemAllocationProp properties = {};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
    properties.allocFlags.usage = CU_MEM_CREATE_USAGE_TILE_POOL;
    size_t granularity = 0;
    REQUIRE_CUDA(cuMemGetAllocationGranularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    REQUIRE_CUDA(cuMemCreate(&memory, granularity, &properties, 0));
    supported = true;
  }
  ~SparseArray() {
    if (array != nullptr) cuArrayDestroy(array);
    if (memory != 0) cuMemRelease(memory);
  }
  SparseArray(const SparseArray&) = delete;
  SparseArray& operator=(const SparseArray&) = delete;

  // The array's first tile.
  CUarrayMapInfo first_tile(CUmemOperationType operation) const {
    CUarrayMapInfo info = {};
    info.resourceType = CU_RESOURCE_TYPE_ARRAY;
    info.resource.array = array;
    info.subresourceType = CU_ARRAY_SPARSE_SUBRESOURCE_TYPE_SPARSE_LEVEL;
    info.subresource.sparseLevel.extentWidth = tiles.tileExtent.width;
    info.subresource.sparseLevel.extentHeight = tiles.tileExtent.height;
    info.subresource.sparseLevel.extentDepth = 1;
    info.memOperationType = operation;
    info.memHandleType = CU_MEM_HANDLE_TYPE_GENERIC;
    info.memHandle.memHandle = operation == CU_MEM_OPERATION_TYPE_MAP ? memory : 0;
    info.deviceBitMask = 1u << device;
    return info;
  }

  CUDA_MEMCPY2D between_tile_and(std::vector<unsigned char>& host, bool to_array) const {
    CUDA_MEMCPY2D copy = {};
    copy.srcMemoryType = to_array ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_ARRAY;
    copy.dstMemoryType = to_array ? CU_MEMORYTYPE_ARRAY : CU_MEMORYTYPE_HOST;
    copy.srcHost = copy.dstHost = host.data();
    copy.srcArray = copy.dstArray = array;
    copy.srcPitch = copy.dstPitch = copy.WidthInBytes = tiles.tileExtent.width * sizeof(float);
    copy.Height = tiles.tileExtent.height;
    return copy;
  }

  bool supported = false;
  Stream stream;
  CUarray array = nullptr;
  CUDA_ARRAY_SPARSE_PROPERTIES tiles = {};
  CUmemGenericAllocationHandle memory = 0;
};

}  // namespace

TEST_CASE_METHOD(SparseArray, "a tile that is mapped keeps what is copied to it", "[contract][array]") {
  if (!supported) SKIP("no sparse arrays");
  CUarrayMapInfo map = first_tile(CU_MEM_OPERATION_TYPE_MAP);
  REQUIRE_CUDA(cuMemMapArrayAsync(&map, 1, stream));
  stream.synchronize();
  auto sent = pattern(size_t{tiles.tileExtent.width} * tiles.tileExtent.height * sizeof(float));
  std::vector<unsigned char> received(sent.size());
  const CUDA_MEMCPY2D there = between_tile_and(sent, true), back = between_tile_and(received, false);
  REQUIRE_CUDA(cuMemcpy2D(&there));
  REQUIRE_CUDA(cuMemcpy2D(&back));
  CHECK((received == sent));
  CUarrayMapInfo unmap = first_tile(CU_MEM_OPERATION_TYPE_UNMAP);
  REQUIRE_CUDA(cuMemMapArrayAsync(&unmap, 1, stream));
  stream.synchronize();
}

// No more than this: NVIDIA's driver (580) dies of a mapping without memory, and may die of others.
TEST_CASE_METHOD(SparseArray, "mapping tiles needs a list", "[contract][array]") {
  if (!supported) SKIP("no sparse arrays");
  CHECK_REFUSED(cuMemMapArrayAsync(nullptr, 1, stream));
}

TEST_CASE_METHOD(Gpu, "an array with memory of its own maps none", "[contract][array]") {
  CUDA_ARRAY3D_DESCRIPTOR shape = {};
  shape.Width = shape.Height = 64;
  shape.Format = CU_AD_FORMAT_FLOAT;
  shape.NumChannels = 1;
  CUarray array = nullptr;
  CUmipmappedArray mipmap = nullptr;
  REQUIRE_CUDA(cuArray3DCreate(&array, &shape));
  REQUIRE_CUDA(cuMipmappedArrayCreate(&mipmap, &shape, 2));
  Stream stream;
  CUarrayMapInfo list[2] = {};
  for (CUarrayMapInfo& info : list) {
    info.subresource.sparseLevel.extentWidth = info.subresource.sparseLevel.extentHeight = 64;
    info.subresource.sparseLevel.extentDepth = 1;
    info.memOperationType = CU_MEM_OPERATION_TYPE_UNMAP;
    info.memHandleType = CU_MEM_HANDLE_TYPE_GENERIC;
    info.deviceBitMask = 1u << device;
  }
  list[0].resourceType = CU_RESOURCE_TYPE_ARRAY;
  list[0].resource.array = array;
  list[1].resourceType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
  list[1].resource.mipmap = mipmap;
  CHECK_REFUSED(cuMemMapArrayAsync(list, 1, stream));
  CHECK_REFUSED(cuMemMapArrayAsync(list, 2, stream));
  CHECK_REFUSED(cuMemMapArrayAsync(nullptr, 1, stream));
  REQUIRE_CUDA(cuMipmappedArrayDestroy(mipmap));
  REQUIRE_CUDA(cuArrayDestroy(array));
}
