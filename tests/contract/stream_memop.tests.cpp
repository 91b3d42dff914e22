// SPDX-License-Identifier: Apache-2.0
// Streams that write words and wait for words. CUDA driver API: Stream memory operations.
#include "tests/contract/fixture.h"

TEST_CASE_METHOD(Gpu, "a stream writes a 32-bit word to device memory", "[contract][memop]") {
  Stream stream;
  DeviceBuffer memory(8);
  REQUIRE_CUDA(cuMemsetD32(memory, 0, 2));
  REQUIRE_CUDA(cuCtxSynchronize());
  REQUIRE_CUDA(cuStreamWriteValue32(stream, memory, 0xabcdef01u, CU_STREAM_WRITE_VALUE_DEFAULT));
  stream.synchronize();
  CHECK(read_words(memory, 2) == std::vector<unsigned>{0xabcdef01u, 0});
}

TEST_CASE_METHOD(Gpu, "a stream writes words to pinned memory in order", "[contract][memop]") {
  Stream stream;
  HostBuffer host(8, CU_MEMHOSTALLOC_DEVICEMAP);
  *host.as<uint64_t>() = 0;
  for (unsigned i = 1; i <= 100; ++i) REQUIRE_CUDA(cuStreamWriteValue32(stream, host.device(), i, 0));
  stream.synchronize();
  CHECK(*host.as<unsigned>() == 100);
}

TEST_CASE_METHOD(Gpu, "a stream writes a 64-bit word", "[contract][memop]") {
  if (!attribute(CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS)) SKIP("no 64-bit stream memory operations");
  Stream stream;
  HostBuffer host(8, CU_MEMHOSTALLOC_DEVICEMAP);
  *host.as<uint64_t>() = 0;
  REQUIRE_CUDA(cuStreamWriteValue64(stream, host.device(), 0x123456789abcdef0ull, 0));
  stream.synchronize();
  CHECK(*host.as<uint64_t>() == 0x123456789abcdef0ull);
}

TEST_CASE_METHOD(Gpu, "a stream waits until the host writes a word", "[contract][memop]") {
  Stream stream;
  HostBuffer flag(4, CU_MEMHOSTALLOC_DEVICEMAP), result(4);
  DeviceBuffer memory(4);
  auto* word = static_cast<volatile unsigned*>(flag.as<unsigned>());
  *word = 0;
  REQUIRE_CUDA(cuStreamWaitValue32(stream, flag.device(), 5, CU_STREAM_WAIT_VALUE_GEQ));
  REQUIRE_CUDA(cuMemsetD32Async(memory, 1, 1, stream));
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  *word = 4;
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  *word = 6;
  stream.synchronize();
  CHECK(read_words(memory, 1)[0] == 1);
}

TEST_CASE_METHOD(Gpu, "waits compare for equality and for bits", "[contract][memop]") {
  Stream stream;
  HostBuffer flag(4, CU_MEMHOSTALLOC_DEVICEMAP);
  auto* word = static_cast<volatile unsigned*>(flag.as<unsigned>());
  *word = 3;
  REQUIRE_CUDA(cuStreamWaitValue32(stream, flag.device(), 3, CU_STREAM_WAIT_VALUE_EQ));
  stream.synchronize();
  *word = 12;
  REQUIRE_CUDA(cuStreamWaitValue32(stream, flag.device(), 4, CU_STREAM_WAIT_VALUE_AND));
  stream.synchronize();
  REQUIRE_CUDA(cuStreamWaitValue32(stream, flag.device(), 16, CU_STREAM_WAIT_VALUE_AND));
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  *word = 16;
  stream.synchronize();
}

TEST_CASE_METHOD(Gpu, "one stream releases another by a word in device memory", "[contract][memop]") {
  Stream waiter, writer;
  DeviceBuffer flag(4), memory(4);
  REQUIRE_CUDA(cuMemsetD32(flag, 0, 1));
  REQUIRE_CUDA(cuCtxSynchronize());
  REQUIRE_CUDA(cuStreamWaitValue32(waiter, flag, 1, CU_STREAM_WAIT_VALUE_GEQ));
  REQUIRE_CUDA(cuMemsetD32Async(memory, 2, 1, waiter));
  CHECK(cuStreamQuery(waiter) == CUDA_ERROR_NOT_READY);
  REQUIRE_CUDA(cuStreamWriteValue32(writer, flag, 1, 0));
  waiter.synchronize();
  CHECK(read_words(memory, 1)[0] == 2);
}

TEST_CASE_METHOD(Gpu, "a batch of memory operations runs as a whole", "[contract][memop]") {
  Stream stream;
  HostBuffer host(16, CU_MEMHOSTALLOC_DEVICEMAP);
  std::memset(host.data, 0, 16);
  CUstreamBatchMemOpParams operations[3] = {};
  for (unsigned i = 0; i < 2; ++i) {
    operations[i].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    operations[i].writeValue.address = host.device() + i * 4;
    operations[i].writeValue.value = 40 + i;
  }
  operations[2].waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_32;
  operations[2].waitValue.address = host.device();
  operations[2].waitValue.value = 40;
  operations[2].waitValue.flags = CU_STREAM_WAIT_VALUE_EQ;
  REQUIRE_CUDA(cuStreamBatchMemOp(stream, 3, operations, 0));
  stream.synchronize();
  CHECK(host.as<unsigned>()[0] == 40);
  CHECK(host.as<unsigned>()[1] == 41);
}

TEST_CASE_METHOD(Gpu, "memory operations refuse unaligned and unknown addresses", "[contract][memop]") {
  Stream stream;
  DeviceBuffer memory(16);
  CHECK(cuStreamWriteValue32(stream, memory + 1, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuStreamWriteValue32(stream, 0, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuStreamWaitValue32(stream, 0, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  stream.synchronize();
}
