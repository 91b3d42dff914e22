// SPDX-License-Identifier: Apache-2.0
// One-dimensional copies: every flavour, size and alignment. CUDA driver API: Memory management, API synchronization
// behavior.
#include <algorithm>

#include "tests/contract/fixture.h"

TEST_CASE_METHOD(Gpu, "bytes of every small size survive the way there and back", "[contract][copy]") {
  DeviceBuffer memory(600);
  for (size_t size = 1; size <= 520; size += size < 20 ? 1 : 37) {
    const auto bytes = pattern(size, static_cast<unsigned>(size));
    REQUIRE_CUDA(cuMemcpyHtoD(memory, bytes.data(), size));
    CHECK(read_bytes(memory, size) == bytes);
  }
}

TEST_CASE_METHOD(Gpu, "copies around page and staging sizes are exact", "[contract][copy]") {
  DeviceBuffer memory((4 << 20) + 64);
  for (size_t size : {4095, 4096, 4097, 65535, 65536, 65537, (1 << 20) - 1, (1 << 20) + 1, (4 << 20) + 3}) {
    const auto bytes = pattern(size, 3);
    REQUIRE_CUDA(cuMemcpyHtoD(memory, bytes.data(), size));
    CHECK((read_bytes(memory, size) == bytes));
  }
}

TEST_CASE_METHOD(Gpu, "a copy of 64 MiB of pageable memory is exact", "[contract][copy]") {
  constexpr size_t kSize = 64 << 20;
  DeviceBuffer memory(kSize);
  std::vector<uint64_t> words(kSize / 8), back(kSize / 8);
  for (size_t i = 0; i < words.size(); ++i) words[i] = i * 0x9e3779b97f4a7c15ull;
  REQUIRE_CUDA(cuMemcpyHtoD(memory, words.data(), kSize));
  REQUIRE_CUDA(cuMemcpyDtoH(back.data(), memory, kSize));
  CHECK((back == words));
}

TEST_CASE_METHOD(Gpu, "a copy writes nothing outside its range", "[contract][copy]") {
  DeviceBuffer memory(300);
  REQUIRE_CUDA(cuMemsetD8(memory, 0xaa, 300));
  const auto bytes = pattern(101);
  REQUIRE_CUDA(cuMemcpyHtoD(memory + 99, bytes.data(), bytes.size()));
  auto expected = std::vector<unsigned char>(300, 0xaa);
  std::copy(bytes.begin(), bytes.end(), expected.begin() + 99);
  CHECK(read_bytes(memory, 300) == expected);
  std::vector<unsigned char> host(50, 0x11);
  REQUIRE_CUDA(cuMemcpyDtoH(host.data() + 20, memory, 10));
  CHECK(host[19] == 0x11);
  CHECK(host[20] == 0xaa);
  CHECK(host[30] == 0x11);
}

TEST_CASE_METHOD(Gpu, "copies need no alignment on either side", "[contract][copy]") {
  DeviceBuffer memory(5000);
  const auto bytes = pattern(5000);
  for (size_t host_offset : {1, 3, 7})
    for (size_t device_offset : {1, 5, 15}) {
      REQUIRE_CUDA(cuMemcpyHtoD(memory + device_offset, bytes.data() + host_offset, 4001));
      std::vector<unsigned char> back(4001);
      REQUIRE_CUDA(cuMemcpyDtoH(back.data(), memory + device_offset, 4001));
      CHECK(std::equal(back.begin(), back.end(), bytes.begin() + static_cast<long>(host_offset)));
    }
}

TEST_CASE_METHOD(Gpu, "copies of zero bytes succeed and change nothing", "[contract][copy]") {
  DeviceBuffer memory(16);
  unsigned char byte = 9;
  CHECK_CUDA(cuMemcpyHtoD(memory, &byte, 0));
  CHECK_CUDA(cuMemcpyDtoH(&byte, memory, 0));
  CHECK_CUDA(cuMemcpyDtoD(memory, memory + 8, 0));
  CHECK_CUDA(cuMemcpy(memory, memory + 8, 0));
  CHECK_CUDA(cuMemcpyHtoDAsync(memory, &byte, 0, nullptr));
  CHECK(byte == 9);
}

TEST_CASE_METHOD(Gpu, "a copy on the device is seen by the next copy", "[contract][copy]") {
  constexpr size_t kSize = 100003;
  DeviceBuffer from(kSize), to(kSize);
  const auto bytes = pattern(kSize);
  REQUIRE_CUDA(cuMemcpyHtoD(from, bytes.data(), kSize));
  REQUIRE_CUDA(cuMemcpyDtoD(to, from, kSize));
  CHECK((read_bytes(to, kSize) == bytes));
}

TEST_CASE_METHOD(Gpu, "a copy may stay inside one allocation", "[contract][copy]") {
  DeviceBuffer memory(2000);
  const auto bytes = pattern(1000);
  REQUIRE_CUDA(cuMemcpyHtoD(memory, bytes.data(), 1000));
  REQUIRE_CUDA(cuMemcpyDtoD(memory + 1000, memory, 1000));
  CHECK(read_bytes(memory + 1000, 1000) == bytes);
}

TEST_CASE_METHOD(Gpu, "cuMemcpy finds the direction from the addresses", "[contract][copy]") {
  DeviceBuffer first(1000), second(1000);
  HostBuffer pinned(1000), back(1000);
  const auto bytes = pattern(1000);
  std::memcpy(pinned.data, bytes.data(), 1000);
  REQUIRE_CUDA(cuMemcpy(first, reinterpret_cast<CUdeviceptr>(pinned.data), 1000));
  REQUIRE_CUDA(cuMemcpy(second, first, 1000));
  REQUIRE_CUDA(cuMemcpy(reinterpret_cast<CUdeviceptr>(back.data), second, 1000));
  REQUIRE_CUDA(cuCtxSynchronize());
  CHECK(std::memcmp(back.data, bytes.data(), 1000) == 0);
}

TEST_CASE_METHOD(Gpu, "cuMemcpy takes pageable memory too", "[contract][copy]") {
  DeviceBuffer memory(1000);
  const auto bytes = pattern(1000);
  std::vector<unsigned char> back(1000);
  REQUIRE_CUDA(cuMemcpy(memory, reinterpret_cast<CUdeviceptr>(bytes.data()), 1000));
  REQUIRE_CUDA(cuMemcpy(reinterpret_cast<CUdeviceptr>(back.data()), memory, 1000));
  CHECK(back == bytes);
}

TEST_CASE_METHOD(Gpu, "asynchronous copies from pinned memory keep stream order", "[contract][copy]") {
  constexpr size_t kSize = 1 << 20;
  DeviceBuffer first(kSize), second(kSize);
  HostBuffer from(kSize), to(kSize);
  const auto bytes = pattern(kSize);
  std::memcpy(from.data, bytes.data(), kSize);
  std::memset(to.data, 0, kSize);
  Stream stream;
  REQUIRE_CUDA(cuMemcpyHtoDAsync(first, from.data, kSize, stream));
  REQUIRE_CUDA(cuMemcpyDtoDAsync(second, first, kSize, stream));
  REQUIRE_CUDA(cuMemcpyDtoHAsync(to.data, second, kSize, stream));
  stream.synchronize();
  CHECK(std::memcmp(to.data, bytes.data(), kSize) == 0);
}

TEST_CASE_METHOD(Gpu, "a pageable source may be changed when an asynchronous copy has returned", "[contract][copy]") {
  for (size_t size : {size_t{100}, size_t{70000}, size_t{3} << 20}) {
    DeviceBuffer memory(size);
    Stream stream;
    auto bytes = pattern(size);
    const auto expected = bytes;
    REQUIRE_CUDA(cuMemcpyHtoDAsync(memory, bytes.data(), size, stream));
    std::fill(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
    stream.synchronize();
    CHECK((read_bytes(memory, size) == expected));
  }
}

TEST_CASE_METHOD(Gpu, "an asynchronous copy to pageable memory is there when the stream is done", "[contract][copy]") {
  constexpr size_t kSize = 200000;
  DeviceBuffer memory(kSize);
  Stream stream;
  const auto bytes = pattern(kSize);
  REQUIRE_CUDA(cuMemcpyHtoD(memory, bytes.data(), kSize));
  std::vector<unsigned char> back(kSize);
  REQUIRE_CUDA(cuMemcpyDtoHAsync(back.data(), memory, kSize, stream));
  stream.synchronize();
  CHECK((back == bytes));
}

TEST_CASE_METHOD(Gpu, "cuMemcpyAsync finds the direction from the addresses", "[contract][copy]") {
  DeviceBuffer memory(4096);
  HostBuffer from(4096), to(4096);
  std::memset(from.data, 0x42, 4096);
  std::memset(to.data, 0, 4096);
  Stream stream;
  REQUIRE_CUDA(cuMemcpyAsync(memory, reinterpret_cast<CUdeviceptr>(from.data), 4096, stream));
  REQUIRE_CUDA(cuMemcpyAsync(reinterpret_cast<CUdeviceptr>(to.data), memory, 4096, stream));
  stream.synchronize();
  CHECK(std::memcmp(from.data, to.data, 4096) == 0);
}

TEST_CASE_METHOD(Gpu, "a copy to the same device as a peer is a plain copy", "[contract][copy]") {
  DeviceBuffer from(5000), to(5000);
  Stream stream;
  const auto bytes = pattern(5000);
  REQUIRE_CUDA(cuMemcpyHtoD(from, bytes.data(), 5000));
  REQUIRE_CUDA(cuMemcpyPeer(to, context, from, context, 2500));
  REQUIRE_CUDA(cuMemcpyPeerAsync(to + 2500, context, from + 2500, context, 2500, stream));
  stream.synchronize();
  CHECK(read_bytes(to, 5000) == bytes);
}

TEST_CASE_METHOD(Gpu, "copies with NULL on one side are refused", "[contract][copy]") {
  DeviceBuffer memory(64);
  unsigned char bytes[64] = {};
  CHECK(cuMemcpyHtoD(memory, nullptr, 64) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyHtoD(0, bytes, 64) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyDtoH(nullptr, memory, 64) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyDtoH(bytes, 0, 64) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyDtoD(memory, 0, 64) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "a copy that leaves its allocation is refused", "[contract][copy]") {
  DeviceBuffer memory(1 << 21);
  std::vector<unsigned char> bytes(1 << 22);
  CHECK(cuMemcpyHtoD(memory, bytes.data(), size_t{1} << 45) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "copies of several threads do not mix", "[contract][copy]") {
  constexpr size_t kThreads = 6, kRounds = 8, kSize = 150000;
  size_t wrong[kThreads] = {};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      cuCtxSetCurrent(context);
      CUdeviceptr memory = 0;
      wrong[t] += cuMemAlloc(&memory, kSize) != CUDA_SUCCESS;
      std::vector<unsigned char> back(kSize);
      for (size_t r = 0; r < kRounds; ++r) {
        const auto bytes = pattern(kSize - r, static_cast<unsigned>(t * 100 + r));
        wrong[t] += cuMemcpyHtoD(memory, bytes.data(), bytes.size()) != CUDA_SUCCESS;
        wrong[t] += cuMemcpyDtoH(back.data(), memory, bytes.size()) != CUDA_SUCCESS;
        wrong[t] += !std::equal(bytes.begin(), bytes.end(), back.begin());
      }
      wrong[t] += cuMemFree(memory) != CUDA_SUCCESS;
    });
  for (std::thread& thread : threads) thread.join();
  for (size_t count : wrong) CHECK(count == 0);
}

TEST_CASE_METHOD(Gpu, "copies into and out of an array are exact", "[contract][copy]") {
  CUDA_ARRAY_DESCRIPTOR descriptor = {};
  descriptor.Width = 1000;
  descriptor.Format = CU_AD_FORMAT_UNSIGNED_INT8;
  descriptor.NumChannels = 1;
  CUarray array = nullptr;
  REQUIRE_CUDA(cuArrayCreate(&array, &descriptor));
  const auto bytes = pattern(1000);
  std::vector<unsigned char> back(600);
  CHECK_CUDA(cuMemcpyHtoA(array, 0, bytes.data(), 1000));
  CHECK_CUDA(cuMemcpyAtoH(back.data(), array, 300, 600));
  CHECK(std::equal(back.begin(), back.end(), bytes.begin() + 300));
  CHECK_CUDA(cuArrayDestroy(array));
}
