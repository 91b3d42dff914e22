// SPDX-License-Identifier: Apache-2.0
// Addresses reserved, memory created, mapped, given access and taken away. CUDA driver API: Virtual memory management.
#include "tests/contract/child.h"
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

class Vmm : public Gpu {
 public:
  Vmm() {
    supported = attribute(CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED) != 0;
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    properties.location.id = device;
    if (supported)
      REQUIRE_CUDA(cuMemGetAllocationGranularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  }

  CUmemGenericAllocationHandle create(size_t size) const {
    CUmemGenericAllocationHandle handle = 0;
    REQUIRE_CUDA(cuMemCreate(&handle, size, &properties, 0));
    return handle;
  }
  CUdeviceptr reserve(size_t size) const {
    CUdeviceptr address = 0;
    REQUIRE_CUDA(cuMemAddressReserve(&address, size, 0, 0, 0));
    return address;
  }
  CUresult give_access(CUdeviceptr address, size_t size) const {
    CUmemAccessDesc access = {};
    access.location = properties.location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    return cuMemSetAccess(address, size, &access, 1);
  }

  bool supported = false;
  size_t granularity = 0;
  CUmemAllocationProp properties = {};
};

}  // namespace

TEST_CASE_METHOD(Vmm, "the allocation granularity is a power of two of a page at least", "[contract][vmm]") {
  if (!supported) SKIP("no virtual memory management");
  size_t recommended = 0;
  CHECK(granularity >= 4096);
  CHECK((granularity & (granularity - 1)) == 0);
  CHECK_CUDA(cuMemGetAllocationGranularity(&recommended, &properties, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED));
  CHECK(recommended % granularity == 0);
  CHECK(cuMemGetAllocationGranularity(nullptr, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM) ==
        CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Vmm, "mapped memory works like allocated memory", "[contract][vmm]") {
  if (!supported) SKIP("no virtual memory management");
  Module module(kBasicPtx);
  const auto handle = create(granularity);
  const CUdeviceptr address = reserve(granularity);
  REQUIRE_CUDA(cuMemMap(address, granularity, 0, handle, 0));
  REQUIRE_CUDA(give_access(address, granularity));
  REQUIRE_CUDA(launch(module.function("iota"), 8, 128, nullptr, address, 1000u));
  const auto words = read_words(address, 1000);
  CHECK(words[999] == 999);
  unsigned type = 0;
  CHECK_CUDA(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address));
  CHECK(type == CU_MEMORYTYPE_DEVICE);
  CHECK_CUDA(cuMemUnmap(address, granularity));
  CHECK_CUDA(cuMemRelease(handle));
  CHECK_CUDA(cuMemAddressFree(address, granularity));
}

TEST_CASE_METHOD(Vmm, "an allocation grows by mapping more behind it", "[contract][vmm]") {
  if (!supported) SKIP("no virtual memory management");
  const CUdeviceptr address = reserve(3 * granularity);
  CUmemGenericAllocationHandle handles[3];
  for (size_t i = 0; i < 3; ++i) {
    handles[i] = create(granularity);
    REQUIRE_CUDA(cuMemMap(address + i * granularity, granularity, 0, handles[i], 0));
    REQUIRE_CUDA(give_access(address + i * granularity, granularity));
  }
  const auto bytes = pattern(3 * granularity);
  REQUIRE_CUDA(cuMemcpyHtoD(address, bytes.data(), bytes.size()));
  CHECK((read_bytes(address, bytes.size()) == bytes));
  CHECK_CUDA(cuMemUnmap(address, 3 * granularity));
  for (auto handle : handles) CHECK_CUDA(cuMemRelease(handle));
  CHECK_CUDA(cuMemAddressFree(address, 3 * granularity));
}

TEST_CASE_METHOD(Vmm, "memory keeps its content when it is mapped elsewhere", "[contract][vmm]") {
  if (!supported) SKIP("no virtual memory management");
  const auto handle = create(granularity);
  const CUdeviceptr first = reserve(granularity), second = reserve(granularity);
  CHECK(first != second);
  REQUIRE_CUDA(cuMemMap(first, granularity, 0, handle, 0));
  REQUIRE_CUDA(give_access(first, granularity));
  REQUIRE_CUDA(cuMemsetD32(first, 0x1a2b3c4d, 100));
  REQUIRE_CUDA(cuCtxSynchronize());
  REQUIRE_CUDA(cuMemUnmap(first, granularity));
  REQUIRE_CUDA(cuMemMap(second, granularity, 0, handle, 0));
  REQUIRE_CUDA(give_access(second, granularity));
  CHECK(read_words(second, 100) == repeated(100, 0x1a2b3c4d));
  CHECK_CUDA(cuMemUnmap(second, granularity));
  CHECK_CUDA(cuMemRelease(handle));
  CHECK_CUDA(cuMemAddressFree(first, granularity));
  CHECK_CUDA(cuMemAddressFree(second, granularity));
}

TEST_CASE_METHOD(Vmm, "a mapping keeps memory alive after its handle is released", "[contract][vmm]") {
  if (!supported) SKIP("no virtual memory management");
  const auto handle = create(granularity);
  const CUdeviceptr address = reserve(granularity);
  REQUIRE_CUDA(cuMemMap(address, granularity, 0, handle, 0));
  REQUIRE_CUDA(cuMemRelease(handle));
  REQUIRE_CUDA(give_access(address, granularity));
  REQUIRE_CUDA(cuMemsetD32(address, 77, 4));
  CHECK(read_words(address, 4) == repeated(4, 77));
  CUmemGenericAllocationHandle again = 0;
  CHECK_CUDA(cuMemRetainAllocationHandle(&again, reinterpret_cast<void*>(address)));
  CHECK_CUDA(cuMemRelease(again));
  CHECK_CUDA(cuMemUnmap(address, granularity));
  CHECK_CUDA(cuMemAddressFree(address, granularity));
}

TEST_CASE_METHOD(Vmm, "access and properties can be asked", "[contract][vmm]") {
  if (!supported) SKIP("no virtual memory management");
  const auto handle = create(granularity);
  const CUdeviceptr address = reserve(granularity);
  REQUIRE_CUDA(cuMemMap(address, granularity, 0, handle, 0));
  REQUIRE_CUDA(give_access(address, granularity));
  unsigned long long flags = 0;
  CHECK_CUDA(cuMemGetAccess(&flags, &properties.location, address));
  CHECK(flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  CUmemAllocationProp found = {};
  CHECK_CUDA(cuMemGetAllocationPropertiesFromHandle(&found, handle));
  CHECK(found.type == CU_MEM_ALLOCATION_TYPE_PINNED);
  CHECK(found.location.id == device);
  CHECK_CUDA(cuMemUnmap(address, granularity));
  CHECK_CUDA(cuMemRelease(handle));
  CHECK_CUDA(cuMemAddressFree(address, granularity));
}

TEST_CASE_METHOD(Vmm, "sizes that are no multiple of the granularity are refused", "[contract][vmm]") {
  if (!supported) SKIP("no virtual memory management");
  CUmemGenericAllocationHandle handle = 0;
  CUdeviceptr address = 0;
  CHECK(cuMemCreate(&handle, granularity + 1, &properties, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemCreate(&handle, 0, &properties, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAddressReserve(&address, 0, 0, 0, 0) == CUDA_ERROR_INVALID_VALUE);
}

// NCCL frees so: it retains the handle behind an address, and releases twice.
TEST_CASE_METHOD(Vmm, "a retained handle is released once for each reference", "[contract][vmm]") {
  if (!supported) SKIP("no virtual memory management");
  const auto handle = create(granularity);
  const CUdeviceptr address = reserve(granularity);
  REQUIRE_CUDA(cuMemMap(address, granularity, 0, handle, 0));
  CUmemGenericAllocationHandle retained = 0;
  REQUIRE_CUDA(cuMemRetainAllocationHandle(&retained, reinterpret_cast<void*>(address)));
  CHECK_CUDA(cuMemRelease(retained));
  CHECK_CUDA(cuMemUnmap(address, granularity));
  CHECK_CUDA(cuMemRelease(retained));
  CHECK_CUDA(cuMemAddressFree(address, granularity));
}

// As NCCL does, which goes on without such memory. Where the driver has it, there is nothing to see.
TEST_CASE_METHOD(Vmm, "asking for memory of the host leaves no error behind", "[contract][vmm]") {
  if (!supported) SKIP("no virtual memory management");
  CUmemAllocationProp host = properties;
  host.location.type = CU_MEM_LOCATION_TYPE_HOST_NUMA;
  host.location.id = 0;
  CUmemGenericAllocationHandle handle = 0;
  const CUresult result = cuMemCreate(&handle, granularity, &host, 0);
  if (result == CUDA_SUCCESS) CHECK_CUDA(cuMemRelease(handle));
  CHECK_CUDA(cuCtxSynchronize());
  void* pinned = nullptr;
  REQUIRE_CUDA(cuMemHostAlloc(&pinned, 4, CU_MEMHOSTALLOC_DEVICEMAP));
  CHECK_CUDA(cuMemFreeHost(pinned));
}

TEST_CASE_METHOD(Vmm, "memory is mapped only over a reservation", "[contract][vmm]") {
  if (!supported) SKIP("no virtual memory management");
  const auto handle = create(granularity);
  CHECK_REFUSED(cuMemMap(0, granularity, 0, handle, 0));
  const CUdeviceptr address = reserve(granularity);
  CHECK_REFUSED(give_access(address, granularity));
  CHECK_CUDA(cuMemRelease(handle));
  CHECK_CUDA(cuMemAddressFree(address, granularity));
}

TEST_CASE_METHOD(Vmm, "child: memory is created exactly if the device says that it can", "[.][child-no-vmm]") {
  CUmemGenericAllocationHandle handle = 0;
  const CUresult created = cuMemCreate(&handle, supported ? granularity : 2 << 20, &properties, 0);
  REQUIRE(created == (supported ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED));
  REQUIRE(cuMemRelease(handle) == (supported ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE));
}

// The variable is the software GPU's; other drivers answer the same question for the device that they have.
TEST_CASE("a device without virtual memory management creates no memory", "[contract][vmm]") {
  REQUIRE_CHILD("child-no-vmm", {{"VGPU_SOFT_VIRTUAL_MEMORY", "0"}});
}
