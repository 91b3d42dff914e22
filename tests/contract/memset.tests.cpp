// SPDX-License-Identifier: Apache-2.0
// Memory set: element sizes, pitch, streams. CUDA driver API: cuMemsetD8, D16, D32 and their 2D and Async forms.
#include "tests/contract/fixture.h"

TEST_CASE_METHOD(Gpu, "cuMemsetD8 sets exactly its bytes", "[contract][memset]") {
  DeviceBuffer memory(1000);
  REQUIRE_CUDA(cuMemsetD8(memory, 0, 1000));
  REQUIRE_CUDA(cuMemsetD8(memory + 11, 0xc5, 333));
  const auto bytes = read_bytes(memory, 1000);
  size_t wrong = 0;
  for (size_t i = 0; i < 1000; ++i) wrong += bytes[i] != (i >= 11 && i < 344 ? 0xc5 : 0);
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "cuMemsetD16 repeats two bytes", "[contract][memset]") {
  DeviceBuffer memory(200);
  REQUIRE_CUDA(cuMemsetD16(memory, 0x1234, 100));
  const auto bytes = read_bytes(memory, 200);
  for (size_t i = 0; i < 200; i += 2) CHECK((bytes[i] == 0x34 && bytes[i + 1] == 0x12));
}

TEST_CASE_METHOD(Gpu, "cuMemsetD32 repeats four bytes", "[contract][memset]") {
  DeviceBuffer memory(4000);
  REQUIRE_CUDA(cuMemsetD32(memory, 0xdeadc0deu, 1000));
  CHECK(read_words(memory, 1000) == repeated(1000, 0xdeadc0deu));
}

TEST_CASE_METHOD(Gpu, "a set of nothing succeeds", "[contract][memset]") {
  DeviceBuffer memory(16);
  REQUIRE_CUDA(cuMemsetD32(memory, 1, 4));
  CHECK_CUDA(cuMemsetD8(memory, 9, 0));
  CHECK_CUDA(cuMemsetD32(memory, 9, 0));
  CHECK(read_words(memory, 4) == repeated(4, 1));
}

TEST_CASE_METHOD(Gpu, "an asynchronous set keeps stream order", "[contract][memset]") {
  Stream stream;
  DeviceBuffer memory(4096);
  HostBuffer host(4096);
  for (unsigned i = 1; i <= 10; ++i) REQUIRE_CUDA(cuMemsetD32Async(memory, i, 1024, stream));
  REQUIRE_CUDA(cuMemsetD8Async(memory, 0xff, 4, stream));
  REQUIRE_CUDA(cuMemsetD16Async(memory + 4, 0xabcd, 2, stream));
  REQUIRE_CUDA(cuMemcpyDtoHAsync(host.data, memory, 4096, stream));
  stream.synchronize();
  CHECK(host.as<unsigned>()[0] == 0xffffffffu);
  CHECK(host.as<unsigned>()[1] == 0xabcdabcdu);
  CHECK(host.as<unsigned>()[2] == 10);
  CHECK(host.as<unsigned>()[1023] == 10);
}

TEST_CASE_METHOD(Gpu, "2D sets leave the rest of each row", "[contract][memset]") {
  DeviceBuffer memory(64 * 10);
  REQUIRE_CUDA(cuMemsetD8(memory, 1, 640));
  REQUIRE_CUDA(cuMemsetD2D8(memory, 64, 2, 30, 10));
  auto bytes = read_bytes(memory, 640);
  size_t wrong = 0;
  for (size_t i = 0; i < 640; ++i) wrong += bytes[i] != (i % 64 < 30 ? 2 : 1);
  CHECK(wrong == 0);
  Stream stream;
  REQUIRE_CUDA(cuMemsetD2D32Async(memory, 64, 0x03030303, 4, 5, stream));
  stream.synchronize();
  bytes = read_bytes(memory, 640);
  wrong = 0;
  for (size_t i = 0; i < 640; ++i) wrong += bytes[i] != (i % 64 < 16 && i < 320 ? 3 : i % 64 < 30 ? 2 : 1);
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "cuMemsetD2D16 sets elements of two bytes", "[contract][memset]") {
  DeviceBuffer memory(32 * 4);
  REQUIRE_CUDA(cuMemsetD8(memory, 0, 128));
  REQUIRE_CUDA(cuMemsetD2D16(memory, 32, 0x0201, 3, 4));
  const auto bytes = read_bytes(memory, 128);
  size_t wrong = 0;
  for (size_t i = 0; i < 128; ++i) wrong += bytes[i] != (i % 32 < 6 ? i % 2 + 1 : 0);
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Gpu, "sets need the alignment of their element", "[contract][memset]") {
  DeviceBuffer memory(64);
  CHECK(cuMemsetD16(memory + 1, 1, 2) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemsetD32(memory + 2, 1, 2) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "a set of NULL is refused", "[contract][memset]") {
  CHECK(cuMemsetD8(0, 1, 16) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemsetD32(0, 1, 4) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "pinned memory can be set like device memory", "[contract][memset]") {
  HostBuffer host(256, CU_MEMHOSTALLOC_DEVICEMAP);
  std::memset(host.data, 0, 256);
  REQUIRE_CUDA(cuMemsetD8(host.device(), 0x6b, 256));
  REQUIRE_CUDA(cuCtxSynchronize());
  CHECK(host.data[0] == 0x6b);
  CHECK(host.data[255] == 0x6b);
}

TEST_CASE_METHOD(Gpu, "a large set reaches its last byte", "[contract][memset]") {
  constexpr size_t kSize = (32 << 20) + 5;
  DeviceBuffer memory(kSize);
  REQUIRE_CUDA(cuMemsetD8(memory, 0x17, kSize));
  CHECK(read_bytes(memory + kSize - 9, 9) == std::vector<unsigned char>(9, 0x17));
}
