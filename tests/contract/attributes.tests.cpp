// SPDX-License-Identifier: Apache-2.0
// Device attributes: ranges that every device satisfies, and answers that must agree. CUDA driver API:
// cuDeviceGetAttribute; limits per compute capability: CUDA C++ programming guide, Compute capabilities.
#include "tests/contract/fixture.h"

namespace {

struct Range {
  CUdevice_attribute which;
  int low, high;
};

constexpr int kMost = 0x7fffffff;

}  // namespace

TEST_CASE_METHOD(Gpu, "attributes lie in the ranges that CUDA gives", "[contract][attributes]") {
  const Range ranges[] = {
      {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024, 1024},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024, 1024},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024, 1024},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64, 64},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, kMost, kMost},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535, 65535},
      {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535, 65535},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 48 << 10, 48 << 10},
      {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 64 << 10, 64 << 10},
      {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32, 32},
      {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 32 << 10, 64 << 10},
      {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 0, kMost},
      {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 1, 4096},
      {CU_DEVICE_ATTRIBUTE_INTEGRATED, 0, 1},
      {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1, 1},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_MODE, 0, 3},
      {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 0, 1},
      {CU_DEVICE_ATTRIBUTE_ECC_ENABLED, 0, 1},
      {CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, 0, 255},
      {CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, 0, 31},
      {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 0, 64},
      {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1, 1},
      {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 1024, 2048},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 5, 99},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0, 9},
      {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 0, 1},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 48 << 10, 1 << 20},
      {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 32 << 10, 128 << 10},
      {CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, 0, 1},
      {CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS, 0, 1},
      {CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, 0, 1},
      {CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 0, 1},
      {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 48 << 10, 1 << 20},
      {CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, 0, 1},
      {CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, 8, 64},
      {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 0, 1},
      {CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED, 0, 1},
      {CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT, 1, 4096},
      {CU_DEVICE_ATTRIBUTE_MAX_PITCH, 1 << 20, kMost},
  };
  for (const Range& range : ranges) {
    INFO("attribute " << static_cast<int>(range.which));
    const int value = attribute(range.which);
    CHECK(value >= range.low);
    CHECK(value <= range.high);
  }
}

TEST_CASE_METHOD(Gpu, "an attribute is the same each time", "[contract][attributes]") {
  for (CUdevice_attribute which : {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE,
                                   CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID})
    CHECK(attribute(which) == attribute(which));
}

TEST_CASE_METHOD(Gpu, "shared memory limits grow from block to multiprocessor", "[contract][attributes]") {
  const int block = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK);
  const int opted_in = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  const int processor = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR);
  CHECK(block <= opted_in);
  CHECK(opted_in <= processor);
}

TEST_CASE_METHOD(Gpu, "threads per multiprocessor are whole warps", "[contract][attributes]") {
  const int threads = attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR);
  CHECK(threads % attribute(CU_DEVICE_ATTRIBUTE_WARP_SIZE) == 0);
  CHECK(threads >= attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK));
}

TEST_CASE_METHOD(Gpu, "attributes refuse wrong arguments", "[contract][attributes]") {
  int value = 77;
  CHECK(cuDeviceGetAttribute(nullptr, CU_DEVICE_ATTRIBUTE_WARP_SIZE, device) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(99999), device) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(0), device) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, -1) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 9999) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(value == 77);
}

TEST_CASE_METHOD(Gpu, "attributes need no context", "[contract][attributes]") {
  REQUIRE_CUDA(cuCtxSetCurrent(nullptr));
  CHECK(attribute(CU_DEVICE_ATTRIBUTE_WARP_SIZE) == 32);
}

TEST_CASE_METHOD(Gpu, "execution affinity support is a yes or no", "[contract][attributes]") {
  int supported = -1;
  CHECK_CUDA(cuDeviceGetExecAffinitySupport(&supported, CU_EXEC_AFFINITY_TYPE_SM_COUNT, device));
  CHECK((supported == 0 || supported == 1));
}
