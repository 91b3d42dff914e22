// SPDX-License-Identifier: Apache-2.0
// What the driver knows of an address. CUDA driver API: Unified addressing.
#include <thread>
#include <vector>

#include "tests/contract/fixture.h"
#include "tests/contract/pages.h"

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

TEST_CASE_METHOD(Gpu, "ordinary memory that is registered is host memory, whoever asked before and where",
                 "[contract][pointer]") {
  if (attribute(CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS)) SKIP("the device knows ordinary memory");
  Pages memory(16);
  const auto address = reinterpret_cast<CUdeviceptr>(memory.data);
  unsigned type = 0;
  const auto ask = [&] { return cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address); };
  CUcontext other = nullptr, popped = nullptr;
  REQUIRE_CUDA(cuCtxCreate(&other, nullptr, 0, device));
  REQUIRE(ask() == CUDA_ERROR_INVALID_VALUE);
  REQUIRE(ask() == CUDA_ERROR_INVALID_VALUE);
  CHECK_CUDA(cuCtxPopCurrent(&popped));
  for (int round = 0; round < 2; ++round) {
    CHECK(ask() == CUDA_ERROR_INVALID_VALUE);
    CUresult registered = CUDA_ERROR_UNKNOWN;
    std::thread([&] {
      cuCtxSetCurrent(context);
      registered = cuMemHostRegister(memory.data, memory.size, CU_MEMHOSTREGISTER_PORTABLE);
    }).join();
    REQUIRE_CUDA(registered);
    REQUIRE_CUDA(ask());
    CHECK(type == CU_MEMORYTYPE_HOST);
    CHECK_CUDA(cuCtxPushCurrent(other));
    REQUIRE_CUDA(ask());
    CHECK(type == CU_MEMORYTYPE_HOST);
    CHECK_CUDA(cuCtxPopCurrent(&popped));
    CHECK_CUDA(cuMemHostUnregister(memory.data));
  }
  CHECK(ask() == CUDA_ERROR_INVALID_VALUE);
  CHECK_CUDA(cuCtxDestroy(other));
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

namespace {

// What NVIDIA's runtime asks of every pointer.
struct Answers {
  CUcontext owner = nullptr;
  unsigned type = 0;
  CUdeviceptr on_device = 0;
  void* on_host = nullptr;
  unsigned managed = 0;
  int ordinal = 0;
  bool operator==(const Answers&) const = default;
};

Answers ask(CUdeviceptr address) {
  Answers out;
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_CONTEXT,        CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                 CU_POINTER_ATTRIBUTE_DEVICE_POINTER, CU_POINTER_ATTRIBUTE_HOST_POINTER,
                                 CU_POINTER_ATTRIBUTE_IS_MANAGED,     CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  void* values[] = {&out.owner, &out.type, &out.on_device, &out.on_host, &out.managed, &out.ordinal};
  REQUIRE_CUDA(cuPointerGetAttributes(6, which, values, address));
  out.managed &= 0xff;
  return out;
}

CUdeviceptr address_of(void* pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

// An address that is nobody's is its own on the host.
Answers nothing_at(CUdeviceptr address) {
  return {nullptr, 0, 0, reinterpret_cast<void*>(address), 0, CU_DEVICE_INVALID};
}

}  // namespace

TEST_CASE_METHOD(Gpu, "six attributes of device memory come in one call, the second time as the first",
                 "[contract][pointer]") {
  DeviceBuffer memory(8192);
  const Answers expected = {context, CU_MEMORYTYPE_DEVICE, memory + 8, nullptr, 0, device};
  CHECK(ask(memory + 8) == expected);
  CHECK(ask(memory + 8) == expected);
  const Answers last = {context, CU_MEMORYTYPE_DEVICE, memory + 8191, nullptr, 0, device};
  CHECK(ask(memory + 8191) == last);
}

TEST_CASE_METHOD(Gpu, "six attributes of pinned memory come in one call, the second time as the first",
                 "[contract][pointer]") {
  HostBuffer host(8192, CU_MEMHOSTALLOC_DEVICEMAP);
  const CUdeviceptr address = address_of(host.data);
  const Answers first = ask(address + 8);
  CHECK(first.type == CU_MEMORYTYPE_HOST);
  CHECK(first.on_host == host.data + 8);
  CHECK(first.on_device == host.device() + 8);
  CHECK(first.managed == 0);
  CHECK(first.ordinal == device);
  CHECK(ask(address + 8) == first);
  Answers further = first;
  further.on_host = host.data + 8191;
  further.on_device = host.device() + 8191;
  CHECK(ask(address + 8191) == further);
}

TEST_CASE_METHOD(Gpu, "attributes of memory from a pool are the same each time", "[contract][pointer]") {
  if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)) SKIP("no memory pools");
  Stream stream;
  CUdeviceptr memory = 0;
  REQUIRE_CUDA(cuMemAllocAsync(&memory, 4096, stream));
  const Answers first = ask(memory);
  CHECK(first.type == CU_MEMORYTYPE_DEVICE);
  CHECK(first.on_device == memory);
  CHECK(first.ordinal == device);
  CHECK(ask(memory) == first);
  CHECK(ask(memory) == first);
  CHECK(ask(memory + 100).on_device == memory + 100);
  REQUIRE_CUDA(cuMemFreeAsync(memory, stream));
  stream.synchronize();
}

TEST_CASE_METHOD(Gpu, "attributes of managed memory are the same each time", "[contract][pointer]") {
  CUdeviceptr memory = 0;
  REQUIRE_CUDA(cuMemAllocManaged(&memory, 4096, CU_MEM_ATTACH_GLOBAL));
  const Answers first = ask(memory + 4);
  CHECK(first.type == CU_MEMORYTYPE_DEVICE);
  CHECK(first.managed != 0);
  CHECK(first.on_device == memory + 4);
  CHECK(first.on_host == reinterpret_cast<void*>(memory + 4));
  CHECK(ask(memory + 4) == first);
  CHECK_CUDA(cuMemFree(memory));
}

TEST_CASE_METHOD(Gpu, "what was known of device memory ends with it", "[contract][pointer]") {
  constexpr size_t kBytes = 64 << 20;  // no driver keeps that for others
  CUdeviceptr memory = 0;
  REQUIRE_CUDA(cuMemAlloc(&memory, kBytes));
  CHECK(ask(memory + 100).type == CU_MEMORYTYPE_DEVICE);
  REQUIRE_CUDA(cuMemFree(memory));
  CHECK(ask(memory + 100) == nothing_at(memory + 100));
  unsigned type = 0;
  CHECK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, memory + 100) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "what was known of registered memory ends with its registration", "[contract][pointer]") {
  if (attribute(CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS)) SKIP("the device reaches ordinary memory as well");
  std::vector<char> memory(1 << 20);
  REQUIRE_CUDA(cuMemHostRegister(memory.data(), memory.size(), 0));
  const Answers first = ask(address_of(memory.data() + 5));
  CHECK(first.type == CU_MEMORYTYPE_HOST);
  CHECK(first.on_host == memory.data() + 5);
  CHECK(ask(address_of(memory.data() + 5)) == first);
  REQUIRE_CUDA(cuMemHostUnregister(memory.data()));
  CHECK(ask(address_of(memory.data() + 5)) == nothing_at(address_of(memory.data() + 5)));
}

TEST_CASE_METHOD(Gpu, "memory keeps its owner when another context asks", "[contract][pointer]") {
  DeviceBuffer memory(4096);
  const Answers before = ask(memory);
  CUcontext other = nullptr;
  REQUIRE_CUDA(cuCtxCreate(&other, nullptr, 0, device));
  CUcontext owner = nullptr;
  unsigned type = 0;
  for (int times = 0; times < 2; ++times) {
    CHECK_CUDA(cuPointerGetAttribute(&owner, CU_POINTER_ATTRIBUTE_CONTEXT, memory));
    CHECK_CUDA(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, memory));
    CHECK(owner == context);
    CHECK(type == CU_MEMORYTYPE_DEVICE);
  }
  CUdeviceptr own = 0;
  REQUIRE_CUDA(cuMemAlloc(&own, 4096));
  CHECK(ask(own).owner == other);
  REQUIRE_CUDA(cuCtxDestroy(other));
  CHECK(ask(memory) == before);
}

TEST_CASE_METHOD(Gpu, "nothing is written when one of several attributes is unknown", "[contract][pointer]") {
  DeviceBuffer memory(64);
  unsigned type = 99;
  unsigned long long value = 99;
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, static_cast<CUpointer_attribute>(9999)};
  void* results[] = {&type, &value};
  CHECK(cuPointerGetAttributes(2, which, results, memory) == CUDA_ERROR_INVALID_VALUE);
  CHECK(value == 99);
}
