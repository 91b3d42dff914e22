// SPDX-License-Identifier: Apache-2.0
// Pinned and registered host memory. CUDA driver API: Memory management; programming guide: Page-locked host memory.
#include <atomic>
#include <thread>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"
#include "tests/contract/pages.h"

TEST_CASE_METHOD(Gpu, "pinned memory is ordinary memory for the host", "[contract][host-memory]") {
  HostBuffer host(10000);
  const auto bytes = pattern(10000);
  std::memcpy(host.data, bytes.data(), bytes.size());
  DeviceBuffer memory(10000);
  REQUIRE_CUDA(cuMemcpyHtoD(memory, host.data, 10000));
  CHECK(read_bytes(memory, 10000) == bytes);
}

TEST_CASE_METHOD(Gpu, "pinned memory has the host's address on the device", "[contract][host-memory]") {
  HostBuffer host(4096, CU_MEMHOSTALLOC_DEVICEMAP);
  CHECK(host.device() == reinterpret_cast<CUdeviceptr>(host.data));
  CUdeviceptr inside = 0;
  CHECK_CUDA(cuMemHostGetDevicePointer(&inside, host.data + 100, 0));
  CHECK(inside == host.device() + 100);
}

TEST_CASE_METHOD(Gpu, "a kernel writes mapped memory that the host reads", "[contract][host-memory]") {
  Module module(kBasicPtx);
  HostBuffer host(1000 * 4, CU_MEMHOSTALLOC_DEVICEMAP);
  std::memset(host.data, 0, host.size);
  REQUIRE_CUDA(launch(module.function("iota"), 8, 128, nullptr, host.device(), 1000u));
  REQUIRE_CUDA(cuCtxSynchronize());
  size_t wrong = 0;
  for (unsigned i = 0; i < 1000; ++i) wrong += host.as<unsigned>()[i] != i;
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "a kernel reads what the host wrote before the launch", "[contract][host-memory]") {
  Module module(kBasicPtx);
  HostBuffer host(256 * 4, CU_MEMHOSTALLOC_DEVICEMAP);
  for (unsigned round = 0; round < 5; ++round) {
    for (unsigned i = 0; i < 256; ++i) host.as<unsigned>()[i] = i * round;
    REQUIRE_CUDA(launch(module.function("add"), 2, 128, nullptr, host.device(), 1u, 256u));
    REQUIRE_CUDA(cuCtxSynchronize());
    CHECK(host.as<unsigned>()[255] == 255 * round + 1);
  }
}

TEST_CASE_METHOD(Gpu, "flags of pinned memory can be asked", "[contract][host-memory]") {
  HostBuffer mapped(64, CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_PORTABLE);
  unsigned flags = 0;
  CHECK_CUDA(cuMemHostGetFlags(&flags, mapped.data));
  CHECK((flags & CU_MEMHOSTALLOC_DEVICEMAP) != 0);
  CHECK((flags & CU_MEMHOSTALLOC_PORTABLE) != 0);
  CHECK(cuMemHostGetFlags(nullptr, mapped.data) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "flags of registered memory can be asked, too", "[contract][host-memory]") {
  Pages pages(2);
  REQUIRE_CUDA(cuMemHostRegister(pages.data, pages.size, CU_MEMHOSTREGISTER_DEVICEMAP));
  unsigned flags = 0;
  CHECK_CUDA(cuMemHostGetFlags(&flags, pages.data));
  CHECK((flags & CU_MEMHOSTALLOC_DEVICEMAP) != 0);
  REQUIRE_CUDA(cuMemHostUnregister(pages.data));
}

TEST_CASE_METHOD(Gpu, "write-combined memory can be copied from", "[contract][host-memory]") {
  HostBuffer host(5000, CU_MEMHOSTALLOC_WRITECOMBINED);
  std::memset(host.data, 0x3c, 5000);
  DeviceBuffer memory(5000);
  REQUIRE_CUDA(cuMemcpyHtoD(memory, host.data, 5000));
  CHECK(read_bytes(memory, 5000) == std::vector<unsigned char>(5000, 0x3c));
}

TEST_CASE_METHOD(Gpu, "cuMemAllocHost gives pinned memory", "[contract][host-memory]") {
  void* memory = nullptr;
  REQUIRE_CUDA(cuMemAllocHost(&memory, 1234));
  unsigned type = 0;
  CHECK_CUDA(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(memory)));
  CHECK(type == CU_MEMORYTYPE_HOST);
  CHECK_CUDA(cuMemFreeHost(memory));
}

TEST_CASE_METHOD(Gpu, "pinned memory is freed once", "[contract][host-memory]") {
  void* memory = nullptr;
  REQUIRE_CUDA(cuMemHostAlloc(&memory, 4096, 0));
  CHECK_CUDA(cuMemFreeHost(memory));
  CHECK(cuMemFreeHost(memory) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "freeing no pinned memory succeeds", "[contract][host-memory]") {
  CHECK_CUDA(cuMemFreeHost(nullptr));
}

TEST_CASE_METHOD(Gpu, "memory of the host's own heap cannot be freed as pinned", "[contract][host-memory]") {
  std::vector<unsigned char> heap(64);
  CHECK(cuMemFreeHost(heap.data()) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "cuMemHostAlloc refuses wrong arguments", "[contract][host-memory]") {
  void* memory = nullptr;
  CHECK(cuMemHostAlloc(&memory, 64, 0x4000u) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemHostAlloc(nullptr, 64, 0) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "a device pointer is refused flags and pageable memory", "[contract][host-memory]") {
  HostBuffer host(64);
  CUdeviceptr address = 0;
  CHECK(cuMemHostGetDevicePointer(&address, host.data, 1) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemHostGetDevicePointer(nullptr, host.data, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemHostGetDevicePointer(&address, nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "registered memory is read and written by kernels", "[contract][host-memory]") {
  Module module(kBasicPtx);
  Pages pages(4);
  REQUIRE_CUDA(cuMemHostRegister(pages.data, pages.size, CU_MEMHOSTREGISTER_DEVICEMAP));
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuMemHostGetDevicePointer(&address, pages.data, 0));
  auto* words = pages.as<unsigned>();
  for (unsigned i = 0; i < 4096; ++i) words[i] = 2 * i;
  REQUIRE_CUDA(launch(module.function("add"), 32, 128, nullptr, address, 1u, 4096u));
  REQUIRE_CUDA(cuCtxSynchronize());
  size_t wrong = 0;
  for (unsigned i = 0; i < 4096; ++i) wrong += words[i] != 2 * i + 1;
  CHECK(wrong == 0);
  CHECK_CUDA(cuMemHostUnregister(pages.data));
}

TEST_CASE_METHOD(Gpu, "registration needs no page boundaries", "[contract][host-memory]") {
  Module module(kBasicPtx);
  Pages pages(3);
  unsigned char* start = pages.data + 1000;
  REQUIRE_CUDA(cuMemHostRegister(start, 5000, CU_MEMHOSTREGISTER_DEVICEMAP));
  CUdeviceptr address = 0;
  REQUIRE_CUDA(cuMemHostGetDevicePointer(&address, start, 0));
  REQUIRE_CUDA(launch(module.function("fill"), 10, 125, nullptr, address, 9u, 1250u));
  REQUIRE_CUDA(cuCtxSynchronize());
  const auto* words = reinterpret_cast<const unsigned*>(start);
  CHECK(words[-1] == 0);
  CHECK(words[0] == 9);
  CHECK(words[1249] == 9);
  CHECK(words[1250] == 0);
  CHECK_CUDA(cuMemHostUnregister(start));
}

// What lies beside it in its pages is the heap of all threads.
TEST_CASE_METHOD(Gpu, "registration loses nothing that other threads write meanwhile", "[contract][host-memory]") {
  constexpr size_t kRegistered = 1000;
  const Pages pages(1);
  volatile uint64_t& beside = pages.as<uint64_t>()[kRegistered / sizeof(uint64_t)];
  std::atomic<bool> ended = false;
  uint64_t lost = 0;
  std::thread writer([&] {
    uint64_t count = 0;
    while (!ended.load(std::memory_order_relaxed)) {
      beside = ++count;
      lost += beside != count ? 1 : 0;
    }
  });
  CUresult status = CUDA_SUCCESS;
  for (int i = 0; i < 1000 && status == CUDA_SUCCESS; ++i) {
    status = cuMemHostRegister(pages.data, kRegistered, 0);
    if (status == CUDA_SUCCESS) status = cuMemHostUnregister(pages.data);
  }
  ended = true;
  writer.join();
  CHECK(status == CUDA_SUCCESS);
  CHECK(lost == 0);
}

TEST_CASE_METHOD(Gpu, "registering twice is refused", "[contract][host-memory]") {
  Pages pages(2);
  REQUIRE_CUDA(cuMemHostRegister(pages.data, pages.size, 0));
  CHECK(cuMemHostRegister(pages.data, pages.size, 0) == CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  CHECK(cuMemHostRegister(pages.data, 4096, 0) == CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  CHECK_CUDA(cuMemHostUnregister(pages.data));
}

TEST_CASE_METHOD(Gpu, "unregistering what is not registered is refused", "[contract][host-memory]") {
  Pages pages(1);
  CHECK(cuMemHostUnregister(pages.data) == CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  REQUIRE_CUDA(cuMemHostRegister(pages.data, pages.size, 0));
  CHECK_CUDA(cuMemHostUnregister(pages.data));
  CHECK(cuMemHostUnregister(pages.data) == CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

TEST_CASE_METHOD(Gpu, "memory can be registered again after it was unregistered", "[contract][host-memory]") {
  Pages pages(2);
  DeviceBuffer memory(pages.size);
  Stream stream;
  for (int round = 1; round <= 4; ++round) {
    REQUIRE_CUDA(cuMemHostRegister(pages.data, pages.size, 0));
    std::memset(pages.data, round, pages.size);
    REQUIRE_CUDA(cuMemcpyHtoDAsync(memory, pages.data, pages.size, stream));
    stream.synchronize();
    CHECK_CUDA(cuMemHostUnregister(pages.data));
    CHECK(read_bytes(memory, 1)[0] == round);
  }
}

TEST_CASE_METHOD(Gpu, "cuMemHostRegister refuses wrong arguments", "[contract][host-memory]") {
  Pages pages(1);
  CHECK(cuMemHostRegister(nullptr, 4096, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemHostRegister(pages.data, 0, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemHostRegister(pages.data, 4096, 0x4000u) == CUDA_ERROR_INVALID_VALUE);
}
