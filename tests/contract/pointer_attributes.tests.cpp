// SPDX-License-Identifier: Apache-2.0
// What the driver knows of an address. CUDA driver API: Unified addressing.
#include "tests/contract/fixture.h"

TEST_CASE_METHOD(Gpu, "device memory says so", "[contract][pointer]") {
  DeviceBuffer memory(4096);
  unsigned type = 0;
  CHECK_CUDA(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, memory + 100));
  CHECK(type == CU_MEMORYTYPE_DEVICE);
  CUcontext owner = nullptr;
  CHECK_CUDA(cuPointerGetAttribute(&owner, CU_POINTER_ATTRIBUTE_CONTEXT, memory));
  CHECK(owner == context);
  CUdeviceptr address = 0;
  CHECK_CUDA(cuPointerGetAttribute(&address, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, memory + 100));
  CHECK(address == memory + 100);
  int ordinal = -1;
  CHECK_CUDA(cuPointerGetAttribute(&ordinal, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, memory));
  CHECK(ordinal == device);
  unsigned managed = 9;
  CHECK_CUDA(cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, memory));
  CHECK((managed & 0xff) == 0);
}

TEST_CASE_METHOD(Gpu, "device memory has no host pointer", "[contract][pointer]") {
  DeviceBuffer memory(64);
  void* host = nullptr;
  CHECK(cuPointerGetAttribute(&host, CU_POINTER_ATTRIBUTE_HOST_POINTER, memory) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "the range of an allocation is an attribute of its addresses", "[contract][pointer]") {
  DeviceBuffer memory(1 << 20);
  CUdeviceptr start = 0;
  size_t size = 0;
  CHECK_CUDA(cuPointerGetAttribute(&start, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, memory + 777));
  CHECK_CUDA(cuPointerGetAttribute(&size, CU_POINTER_ATTRIBUTE_RANGE_SIZE, memory + 777));
  CHECK(start == memory);
  CHECK(size == memory.size);
}

TEST_CASE_METHOD(Gpu, "pinned memory is host memory with both addresses", "[contract][pointer]") {
  HostBuffer host(4096, CU_MEMHOSTALLOC_DEVICEMAP);
  const auto address = reinterpret_cast<CUdeviceptr>(host.data) + 40;
  unsigned type = 0;
  CHECK_CUDA(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address));
  CHECK(type == CU_MEMORYTYPE_HOST);
  void* pointer = nullptr;
  CHECK_CUDA(cuPointerGetAttribute(&pointer, CU_POINTER_ATTRIBUTE_HOST_POINTER, address));
  CHECK(pointer == host.data + 40);
  CUdeviceptr on_device = 0;
  CHECK_CUDA(cuPointerGetAttribute(&on_device, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, address));
  CHECK(on_device == host.device() + 40);
}

TEST_CASE_METHOD(Gpu, "buffer ids differ between allocations and are equal inside one", "[contract][pointer]") {
  DeviceBuffer first(4096), second(4096);
  unsigned long long a = 0, b = 0, c = 0;
  CHECK_CUDA(cuPointerGetAttribute(&a, CU_POINTER_ATTRIBUTE_BUFFER_ID, first));
  CHECK_CUDA(cuPointerGetAttribute(&b, CU_POINTER_ATTRIBUTE_BUFFER_ID, first + 4095));
  CHECK_CUDA(cuPointerGetAttribute(&c, CU_POINTER_ATTRIBUTE_BUFFER_ID, second));
  CHECK(a == b);
  CHECK(a != c);
}

TEST_CASE_METHOD(Gpu, "an address that CUDA does not know is refused", "[contract][pointer]") {
  unsigned type = 0;
  int local = 0;
  CHECK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 0) == CUDA_ERROR_INVALID_VALUE);
  if (!attribute(CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS))
    CHECK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(&local)) ==
          CUDA_ERROR_INVALID_VALUE);
  CHECK(cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 0) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "an unknown attribute is refused", "[contract][pointer]") {
  DeviceBuffer memory(64);
  unsigned long long value = 0;
  CHECK(cuPointerGetAttribute(&value, static_cast<CUpointer_attribute>(9999), memory) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "several attributes come in one call", "[contract][pointer]") {
  DeviceBuffer memory(64);
  unsigned type = 0;
  CUcontext owner = nullptr;
  CUdeviceptr address = 0;
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_CONTEXT,
                                 CU_POINTER_ATTRIBUTE_DEVICE_POINTER};
  void* results[] = {&type, &owner, &address};
  REQUIRE_CUDA(cuPointerGetAttributes(3, which, results, memory));
  CHECK(type == CU_MEMORYTYPE_DEVICE);
  CHECK(owner == context);
  CHECK(address == memory);
}

TEST_CASE_METHOD(Gpu, "several attributes of an unknown address are zero, without an error", "[contract][pointer]") {
  unsigned type = 99;
  CUcontext owner = context;
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_CONTEXT};
  void* results[] = {&type, &owner};
  int local = 0;
  CHECK_CUDA(cuPointerGetAttributes(2, which, results, reinterpret_cast<CUdeviceptr>(&local)));
  CHECK(type == 0);
  CHECK(owner == nullptr);
}

TEST_CASE_METHOD(Gpu, "synchronous memory operations can be asked for an allocation", "[contract][pointer]") {
  DeviceBuffer memory(64);
  unsigned on = 1, got = 0;
  CHECK_CUDA(cuPointerSetAttribute(&on, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, memory));
  CHECK_CUDA(cuPointerGetAttribute(&got, CU_POINTER_ATTRIBUTE_SYNC_MEMOPS, memory));
  CHECK(got == 1);
}
