// SPDX-License-Identifier: Apache-2.0
// Device memory: allocation, release, address ranges, pitch, managed memory. CUDA driver API: Memory management.
#include <algorithm>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

TEST_CASE_METHOD(Gpu, "allocated memory can be written and read", "[contract][memory]") {
  DeviceBuffer memory(1000);
  CHECK(memory.address != 0);
  const auto bytes = pattern(1000);
  REQUIRE_CUDA(cuMemcpyHtoD(memory, bytes.data(), bytes.size()));
  CHECK(read_bytes(memory, 1000) == bytes);
}

TEST_CASE_METHOD(Gpu, "allocations are aligned to 256 bytes at least", "[contract][memory]") {
  for (size_t size : {1, 3, 17, 255, 257, 100000}) {
    DeviceBuffer memory(size);
    CHECK(memory.address % 256 == 0);
  }
}

// The compiler makes an atomic operation on a short integer from one on the word around it.
TEST_CASE_METHOD(Gpu, "a kernel may touch all of the word that an allocation ends in", "[contract][memory]") {
  Module module(kBasicPtx);
  DeviceBuffer memory(2);
  CHECK_CUDA(cuMemsetD16(memory, 0, 1));
  CHECK_CUDA(launch(module.function("add"), 1, 1, nullptr, memory.address, 7u, 1u));
  CHECK_CUDA(cuCtxSynchronize());
  uint16_t value = 0;
  CHECK_CUDA(cuMemcpyDtoH(&value, memory, 2));
  CHECK(value == 7);
}

TEST_CASE_METHOD(Gpu, "live allocations do not overlap", "[contract][memory]") {
  constexpr size_t kCount = 200, kSize = 3000;
  std::vector<std::unique_ptr<DeviceBuffer>> buffers;
  for (size_t i = 0; i < kCount; ++i) buffers.push_back(std::make_unique<DeviceBuffer>(kSize));
  std::vector<CUdeviceptr> addresses;
  for (const auto& buffer : buffers) addresses.push_back(*buffer);
  std::sort(addresses.begin(), addresses.end());
  size_t overlaps = 0;
  for (size_t i = 1; i < kCount; ++i) overlaps += addresses[i] - addresses[i - 1] < kSize;
  CHECK(overlaps == 0);
}

TEST_CASE_METHOD(Gpu, "an allocation of nothing is refused", "[contract][memory]") {
  CUdeviceptr address = 7;
  CHECK(cuMemAlloc(&address, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAlloc(nullptr, 16) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "more memory than any card has is out of memory", "[contract][memory]") {
  CUdeviceptr address = 0;
  CHECK(cuMemAlloc(&address, size_t{1} << 46) == CUDA_ERROR_OUT_OF_MEMORY);
  CHECK_CUDA(cuMemAlloc(&address, 64));
  CHECK_CUDA(cuMemFree(address));
}

TEST_CASE_METHOD(Gpu, "freeing zero succeeds", "[contract][memory]") { CHECK_CUDA(cuMemFree(0)); }

TEST_CASE_METHOD(Gpu, "freeing twice is refused", "[contract][memory]") {
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuMemAlloc(&address, 1 << 20));
  CHECK_CUDA(cuMemFree(address));
  CHECK(cuMemFree(address) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "freeing the middle of an allocation is refused", "[contract][memory]") {
  DeviceBuffer memory(4096);
  CHECK(cuMemFree(memory + 256) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "cuMemFree waits for work that uses the memory", "[contract][memory]") {
  HostBuffer host(4);
  *host.as<unsigned>() = 0;
  Stream stream;
  CUdeviceptr memory = 0;
  REQUIRE_CUDA(cuMemAlloc(&memory, 4));
  REQUIRE_CUDA(cuMemsetD32Async(memory, 7, 1, stream));
  REQUIRE_CUDA(cuMemcpyDtoHAsync(host.data, memory, 4, stream));
  REQUIRE_CUDA(cuMemFree(memory));
  stream.synchronize();
  CHECK(*host.as<unsigned>() == 7);
}

TEST_CASE_METHOD(Gpu, "cuMemGetInfo reports free memory within the total", "[contract][memory]") {
  size_t available = 0, total = 0, device_total = 0;
  REQUIRE_CUDA(cuMemGetInfo(&available, &total));
  REQUIRE_CUDA(cuDeviceTotalMem(&device_total, device));
  CHECK(available > 0);
  CHECK(available <= total);
  CHECK(total <= device_total);
}

// Other programs of the card take and give back memory between two readings: one that ends gives back half a gigabyte.
// So the allocation is larger than that, and one attempt of several must show it.
TEST_CASE_METHOD(Gpu, "a large allocation shows in cuMemGetInfo", "[contract][memory]") {
  constexpr size_t kLargest = size_t{4} << 30;
  bool shown = false;
  for (int attempt = 0; attempt < 8 && !shown; ++attempt) {
    size_t before = 0, during = 0, total = 0;
    REQUIRE_CUDA(cuMemGetInfo(&before, &total));
    DeviceBuffer memory(std::min(before / 4, kLargest));
    REQUIRE_CUDA(cuMemGetInfo(&during, &total));
    shown = during < before;
  }
  CHECK(shown);
}

TEST_CASE_METHOD(Gpu, "an address inside an allocation finds its base and size", "[contract][memory]") {
  DeviceBuffer memory(1 << 20);
  CUdeviceptr base = 0;
  size_t size = 0;
  for (size_t offset : {size_t{0}, size_t{1}, size_t{12345}, memory.size - 1}) {
    CHECK_CUDA(cuMemGetAddressRange(&base, &size, memory + offset));
    CHECK(base == memory);
    CHECK(size == memory.size);
  }
  CHECK_CUDA(cuMemGetAddressRange(nullptr, &size, memory));
  CHECK_CUDA(cuMemGetAddressRange(&base, nullptr, memory));
}

TEST_CASE_METHOD(Gpu, "an address that nobody allocated has no range", "[contract][memory]") {
  CUdeviceptr base = 0;
  size_t size = 0;
  CHECK_REFUSED(cuMemGetAddressRange(&base, &size, 0));
  CHECK_REFUSED(cuMemGetAddressRange(&base, &size, 64));
}

TEST_CASE_METHOD(Gpu, "rows of a pitched allocation are wide enough and aligned", "[contract][memory]") {
  CUdeviceptr address = 0;
  size_t pitch = 0;
  for (size_t width : {1, 100, 513, 4096}) {
    REQUIRE_CUDA(cuMemAllocPitch(&address, &pitch, width, 10, 4));
    CHECK(pitch >= width);
    CHECK(pitch % 32 == 0);
    REQUIRE_CUDA(cuMemsetD8(address, 1, pitch * 10));
    CHECK_CUDA(cuMemFree(address));
  }
}

TEST_CASE_METHOD(Gpu, "cuMemAllocPitch refuses wrong arguments", "[contract][memory]") {
  CUdeviceptr address = 0;
  size_t pitch = 0;
  CHECK(cuMemAllocPitch(&address, &pitch, 100, 10, 3) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocPitch(&address, &pitch, 0, 10, 4) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocPitch(&address, &pitch, 100, 0, 4) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocPitch(nullptr, &pitch, 100, 10, 4) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocPitch(&address, nullptr, 100, 10, 4) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "managed memory is one pointer for both sides", "[contract][memory]") {
  if (!attribute(CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY)) SKIP("no managed memory");
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuMemAllocManaged(&address, 4096, CU_MEM_ATTACH_GLOBAL));
  auto* words = reinterpret_cast<unsigned*>(address);
  for (unsigned i = 0; i < 1024; ++i) words[i] = i;
  REQUIRE_CUDA(cuMemsetD32(address, 5, 512));
  REQUIRE_CUDA(cuCtxSynchronize());
  CHECK(words[0] == 5);
  CHECK(words[511] == 5);
  CHECK(words[512] == 512);
  unsigned managed = 0;
  CHECK_CUDA(cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, address));
  CHECK(managed == 1);
  CHECK_CUDA(cuMemFree(address));
}

TEST_CASE_METHOD(Gpu, "cuMemAllocManaged refuses wrong arguments", "[contract][memory]") {
  if (!attribute(CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY)) SKIP("no managed memory");
  CUdeviceptr address = 0;
  CHECK(cuMemAllocManaged(&address, 0, CU_MEM_ATTACH_GLOBAL) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocManaged(&address, 64, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocManaged(&address, 64, 0x77) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocManaged(nullptr, 64, CU_MEM_ATTACH_GLOBAL) == CUDA_ERROR_INVALID_VALUE);
}
