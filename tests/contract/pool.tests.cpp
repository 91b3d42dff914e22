// SPDX-License-Identifier: Apache-2.0
// Allocation in stream order and memory pools. CUDA driver API: Stream ordered memory allocator.
#include "tests/contract/fixture.h"

namespace {

class Pools : public Gpu {
 public:
  Pools() { supported = attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED) != 0; }

  CUmemoryPool create() const {
    CUmemPoolProps properties = {};
    properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    properties.location.id = device;
    CUmemoryPool pool = nullptr;
    REQUIRE_CUDA(cuMemPoolCreate(&pool, &properties));
    return pool;
  }
  cuuint64_t get(CUmemoryPool pool, CUmemPool_attribute which) const {
    cuuint64_t value = 0;
    REQUIRE_CUDA(cuMemPoolGetAttribute(pool, which, &value));
    return value;
  }

  bool supported = false;
};

}  // namespace

TEST_CASE_METHOD(Pools, "memory allocated in a stream is usable in that stream", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  Stream stream;
  HostBuffer host(4000);
  for (unsigned round = 0; round < 10; ++round) {
    CUdeviceptr memory = 0;
    REQUIRE_CUDA(cuMemAllocAsync(&memory, 4000, stream));
    REQUIRE_CUDA(cuMemsetD32Async(memory, round, 1000, stream));
    REQUIRE_CUDA(cuMemcpyDtoHAsync(host.data, memory, 4000, stream));
    REQUIRE_CUDA(cuMemFreeAsync(memory, stream));
    stream.synchronize();
    CHECK(host.as<unsigned>()[999] == round);
  }
}

TEST_CASE_METHOD(Pools, "another stream uses the memory after an event", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  Stream maker, user;
  Event made(CU_EVENT_DISABLE_TIMING), used(CU_EVENT_DISABLE_TIMING);
  HostBuffer host(400);
  CUdeviceptr memory = 0;
  REQUIRE_CUDA(cuMemAllocAsync(&memory, 400, maker));
  REQUIRE_CUDA(cuMemsetD32Async(memory, 5, 100, maker));
  REQUIRE_CUDA(cuEventRecord(made, maker));
  REQUIRE_CUDA(cuStreamWaitEvent(user, made, 0));
  REQUIRE_CUDA(cuMemcpyDtoHAsync(host.data, memory, 400, user));
  REQUIRE_CUDA(cuEventRecord(used, user));
  REQUIRE_CUDA(cuStreamWaitEvent(maker, used, 0));
  REQUIRE_CUDA(cuMemFreeAsync(memory, maker));
  maker.synchronize();
  CHECK(host.as<unsigned>()[99] == 5);
}

TEST_CASE_METHOD(Pools, "cuMemFree frees what came from a pool", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  Stream stream;
  CUdeviceptr memory = 0;
  REQUIRE_CUDA(cuMemAllocAsync(&memory, 1 << 16, stream));
  stream.synchronize();
  CHECK_CUDA(cuMemFree(memory));
}

TEST_CASE_METHOD(Pools, "a plain allocation can be freed in stream order", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  Stream stream;
  CUdeviceptr memory = 0;
  REQUIRE_CUDA(cuMemAlloc(&memory, 4096));
  CHECK_CUDA(cuMemFreeAsync(memory, stream));
  stream.synchronize();
}

TEST_CASE_METHOD(Pools, "the default pool is the device's pool at first", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  CUmemoryPool by_default = nullptr, current = nullptr;
  REQUIRE_CUDA(cuDeviceGetDefaultMemPool(&by_default, device));
  REQUIRE_CUDA(cuDeviceGetMemPool(&current, device));
  CHECK(by_default != nullptr);
  CHECK(by_default == current);
}

TEST_CASE_METHOD(Pools, "the device's pool can be replaced", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  CUmemoryPool by_default = nullptr, own = create(), current = nullptr, found = nullptr;
  REQUIRE_CUDA(cuDeviceGetDefaultMemPool(&by_default, device));
  REQUIRE_CUDA(cuDeviceSetMemPool(device, own));
  REQUIRE_CUDA(cuDeviceGetMemPool(&current, device));
  CHECK(current == own);
  Stream stream;
  CUdeviceptr memory = 0;
  REQUIRE_CUDA(cuMemAllocAsync(&memory, 1000, stream));
  CHECK_CUDA(cuPointerGetAttribute(&found, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, memory));
  CHECK(found == own);
  REQUIRE_CUDA(cuMemFreeAsync(memory, stream));
  stream.synchronize();
  REQUIRE_CUDA(cuDeviceSetMemPool(device, by_default));
  CHECK_CUDA(cuMemPoolDestroy(own));
}

TEST_CASE_METHOD(Pools, "a pool counts what is used and keeps what its threshold allows", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  CUmemoryPool pool = create();
  Stream stream;
  cuuint64_t threshold = ~cuuint64_t{0};
  CHECK(get(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) == 0);
  REQUIRE_CUDA(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
  CHECK(get(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) == threshold);
  CUdeviceptr memory = 0;
  REQUIRE_CUDA(cuMemAllocFromPoolAsync(&memory, 1 << 20, pool, stream));
  stream.synchronize();
  CHECK(get(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT) >= 1 << 20);
  CHECK(get(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT) >= get(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT));
  REQUIRE_CUDA(cuMemFreeAsync(memory, stream));
  stream.synchronize();
  CHECK(get(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT) == 0);
  CHECK(get(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH) >= 1 << 20);
  CHECK(get(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT) > 0);
  CHECK_CUDA(cuMemPoolTrimTo(pool, 0));
  CHECK(get(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT) == 0);
  CHECK_CUDA(cuMemPoolDestroy(pool));
}

// CUDA driver API, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: more than that is given back at the next wait for a stream.
TEST_CASE_METHOD(Pools, "a pool gives back what was freed at each wait for the stream", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  CUmemoryPool pool = create();
  Stream stream, other;
  for (int round = 0; round < 3; ++round) {
    CUdeviceptr memory = 0;
    REQUIRE_CUDA(cuMemAllocFromPoolAsync(&memory, 64 << 20, pool, stream));
    REQUIRE_CUDA(cuMemsetD8Async(memory, 1, 64 << 20, stream));
    stream.synchronize();
    stream.synchronize();
    CHECK(get(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT) >= 64 << 20);
    REQUIRE_CUDA(cuMemFreeAsync(memory, stream));
    other.synchronize();
    stream.synchronize();
    CHECK(get(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT) == 0);
  }
  CHECK_CUDA(cuMemPoolDestroy(pool));
}

TEST_CASE_METHOD(Pools, "reuse policies of a pool can be set", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  CUmemoryPool pool = create();
  int on = 1, off = 0, value = -1;
  REQUIRE_CUDA(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC, &off));
  REQUIRE_CUDA(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC, &value));
  CHECK(value == 0);
  REQUIRE_CUDA(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC, &on));
  REQUIRE_CUDA(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC, &value));
  CHECK(value == 1);
  CHECK_CUDA(cuMemPoolDestroy(pool));
}

TEST_CASE_METHOD(Pools, "a device has access to its own pool", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  CUmemoryPool pool = create();
  CUmemLocation location = {};
  location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  location.id = device;
  CUmemAccess_flags flags = CU_MEM_ACCESS_FLAGS_PROT_NONE;
  CHECK_CUDA(cuMemPoolGetAccess(&flags, pool, &location));
  CHECK(flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  CHECK_CUDA(cuMemPoolDestroy(pool));
}

TEST_CASE_METHOD(Pools, "stream-ordered allocation refuses wrong arguments", "[contract][pool]") {
  if (!supported) SKIP("no memory pools");
  Stream stream;
  CHECK(cuMemAllocAsync(nullptr, 64, stream) == CUDA_ERROR_INVALID_VALUE);
  CUmemoryPool pool = nullptr;
  CUmemPoolProps properties = {};
  CHECK_REFUSED(cuMemPoolCreate(&pool, &properties));
  CHECK_REFUSED(cuMemPoolCreate(nullptr, &properties));
  CHECK(cuDeviceGetDefaultMemPool(&pool, 9999) == CUDA_ERROR_INVALID_DEVICE);
}
