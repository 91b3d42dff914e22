// SPDX-License-Identifier: Apache-2.0
// Which stream waits for which: the legacy default stream, per-thread streams, non-blocking streams and events. CUDA
// driver API: Stream synchronization behavior.
#include "tests/contract/fixture.h"

namespace {

// A word in pinned memory that streams write through device memory; reads are the host's own.
class Word {
 public:
  Word() : host_(4), device_(4) { *host_.as<unsigned>() = 0; }

  void write(unsigned value, CUstream stream) {
    REQUIRE_CUDA(cuMemsetD32Async(device_, value, 1, stream));
    REQUIRE_CUDA(cuMemcpyDtoHAsync(host_.data, device_, 4, stream));
  }
  unsigned value() const { return *static_cast<volatile unsigned*>(host_.as<unsigned>()); }

 private:
  HostBuffer host_;
  DeviceBuffer device_;
};

void wait_a_little() { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

}  // namespace

TEST_CASE_METHOD(Gpu, "the legacy stream waits for blocking streams", "[contract][stream-order]") {
  Stream blocking(CU_STREAM_DEFAULT);
  Word word;
  Gate gate(blocking);
  word.write(1, CU_STREAM_LEGACY);
  wait_a_little();
  CHECK(word.value() == 0);
  gate.open();
  REQUIRE_CUDA(cuStreamSynchronize(CU_STREAM_LEGACY));
  CHECK(word.value() == 1);
}

TEST_CASE_METHOD(Gpu, "blocking streams wait for the legacy stream", "[contract][stream-order]") {
  Stream blocking(CU_STREAM_DEFAULT);
  Word word;
  Gate gate(CU_STREAM_LEGACY);
  word.write(2, blocking);
  wait_a_little();
  CHECK(word.value() == 0);
  gate.open();
  blocking.synchronize();
  CHECK(word.value() == 2);
}

TEST_CASE_METHOD(Gpu, "non-blocking streams do not wait for the legacy stream", "[contract][stream-order]") {
  Stream other(CU_STREAM_NON_BLOCKING);
  Word word;
  Gate gate(CU_STREAM_LEGACY);
  word.write(3, other);
  other.synchronize();
  CHECK(word.value() == 3);
  CHECK(!gate.timed_out());
  gate.open();
  REQUIRE_CUDA(cuStreamSynchronize(CU_STREAM_LEGACY));
}

TEST_CASE_METHOD(Gpu, "the legacy stream does not wait for non-blocking streams", "[contract][stream-order]") {
  Stream other(CU_STREAM_NON_BLOCKING);
  Word word;
  Gate gate(other);
  word.write(4, CU_STREAM_LEGACY);
  REQUIRE_CUDA(cuStreamSynchronize(CU_STREAM_LEGACY));
  CHECK(word.value() == 4);
  CHECK(!gate.timed_out());
  gate.open();
  other.synchronize();
}

TEST_CASE_METHOD(Gpu, "blocking streams do not wait for each other", "[contract][stream-order]") {
  Stream first(CU_STREAM_DEFAULT), second(CU_STREAM_DEFAULT);
  Word word;
  Gate gate(first);
  word.write(5, second);
  second.synchronize();
  CHECK(word.value() == 5);
  CHECK(!gate.timed_out());
  gate.open();
  first.synchronize();
}

TEST_CASE_METHOD(Gpu, "NULL and CU_STREAM_LEGACY are one stream", "[contract][stream-order]") {
  Word word;
  Gate gate(nullptr);
  word.write(6, CU_STREAM_LEGACY);
  CHECK(cuStreamQuery(CU_STREAM_LEGACY) == CUDA_ERROR_NOT_READY);
  gate.open();
  REQUIRE_CUDA(cuStreamSynchronize(nullptr));
  CHECK(word.value() == 6);
}

TEST_CASE_METHOD(Gpu, "the per-thread stream is another one in each thread", "[contract][stream-order]") {
  Word mine;
  DeviceBuffer memory(4);
  Gate gate(CU_STREAM_PER_THREAD);
  mine.write(7, CU_STREAM_PER_THREAD);
  CUresult result = CUDA_ERROR_UNKNOWN;
  std::thread([&] {
    cuCtxSetCurrent(context);
    cuMemsetD32Async(memory, 8, 1, CU_STREAM_PER_THREAD);
    result = cuStreamSynchronize(CU_STREAM_PER_THREAD);
  }).join();
  CHECK(result == CUDA_SUCCESS);
  CHECK(!gate.timed_out());
  CHECK(mine.value() == 0);
  gate.open();
  REQUIRE_CUDA(cuStreamSynchronize(CU_STREAM_PER_THREAD));
  CHECK(mine.value() == 7);
  CHECK(read_words(memory, 1)[0] == 8);
}

TEST_CASE_METHOD(Gpu, "the per-thread stream and the legacy stream wait for each other", "[contract][stream-order]") {
  Word word;
  Gate gate(CU_STREAM_PER_THREAD);
  word.write(9, CU_STREAM_LEGACY);
  wait_a_little();
  CHECK(word.value() == 0);
  gate.open();
  REQUIRE_CUDA(cuStreamSynchronize(CU_STREAM_LEGACY));
  CHECK(word.value() == 9);
}

TEST_CASE_METHOD(Gpu, "a stream waits for an event of another stream", "[contract][stream-order]") {
  Stream first, second;
  Event event(CU_EVENT_DISABLE_TIMING);
  Word word;
  Gate gate(first);
  REQUIRE_CUDA(cuEventRecord(event, first));
  REQUIRE_CUDA(cuStreamWaitEvent(second, event, 0));
  word.write(10, second);
  wait_a_little();
  CHECK(word.value() == 0);
  gate.open();
  second.synchronize();
  CHECK(word.value() == 10);
}

TEST_CASE_METHOD(Gpu, "a wait for an event that was never recorded does nothing", "[contract][stream-order]") {
  Stream stream;
  Event event;
  Word word;
  REQUIRE_CUDA(cuStreamWaitEvent(stream, event, 0));
  word.write(11, stream);
  stream.synchronize();
  CHECK(word.value() == 11);
}

TEST_CASE_METHOD(Gpu, "a wait keeps the record that it saw when the event is recorded again",
                 "[contract][stream-order]") {
  Stream first, second, held;
  Event event(CU_EVENT_DISABLE_TIMING);
  Word word;
  REQUIRE_CUDA(cuEventRecord(event, first));
  REQUIRE_CUDA(cuStreamWaitEvent(second, event, 0));
  Gate gate(held);
  REQUIRE_CUDA(cuEventRecord(event, held));
  word.write(12, second);
  second.synchronize();
  CHECK(word.value() == 12);
  CHECK(!gate.timed_out());
  gate.open();
  held.synchronize();
}

TEST_CASE_METHOD(Gpu, "an event may be destroyed while a stream waits for it", "[contract][stream-order]") {
  Stream first, second;
  Word word;
  Gate gate(first);
  {
    Event event(CU_EVENT_DISABLE_TIMING);
    REQUIRE_CUDA(cuEventRecord(event, first));
    REQUIRE_CUDA(cuStreamWaitEvent(second, event, 0));
  }
  word.write(13, second);
  wait_a_little();
  CHECK(word.value() == 0);
  gate.open();
  second.synchronize();
  CHECK(word.value() == 13);
}

TEST_CASE_METHOD(Gpu, "a chain of events over many streams keeps the order", "[contract][stream-order]") {
  constexpr unsigned kStreams = 12;
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<std::unique_ptr<Event>> events;
  HostBuffer host(kStreams * 4);
  DeviceBuffer word(4);
  REQUIRE_CUDA(cuMemsetD32(word, 0, 1));
  REQUIRE_CUDA(cuCtxSynchronize());
  for (unsigned i = 0; i < kStreams; ++i) {
    streams.push_back(std::make_unique<Stream>());
    events.push_back(std::make_unique<Event>(CU_EVENT_DISABLE_TIMING));
  }
  for (unsigned i = 0; i < kStreams; ++i) {
    if (i > 0) REQUIRE_CUDA(cuStreamWaitEvent(*streams[i], *events[i - 1], 0));
    REQUIRE_CUDA(cuMemcpyDtoHAsync(host.as<unsigned>() + i, word, 4, *streams[i]));
    REQUIRE_CUDA(cuMemsetD32Async(word, i + 1, 1, *streams[i]));
    REQUIRE_CUDA(cuEventRecord(*events[i], *streams[i]));
  }
  REQUIRE_CUDA(cuCtxSynchronize());
  for (unsigned i = 0; i < kStreams; ++i) CHECK(host.as<unsigned>()[i] == i);
}

TEST_CASE_METHOD(Gpu, "a thousand small operations keep their order", "[contract][stream-order]") {
  Stream stream;
  HostBuffer host(1000 * 4);
  DeviceBuffer word(4);
  for (unsigned i = 0; i < 1000; ++i) {
    REQUIRE_CUDA(cuMemsetD32Async(word, i, 1, stream));
    REQUIRE_CUDA(cuMemcpyDtoHAsync(host.as<unsigned>() + i, word, 4, stream));
  }
  stream.synchronize();
  size_t wrong = 0;
  for (unsigned i = 0; i < 1000; ++i) wrong += host.as<unsigned>()[i] != i;
  CHECK(wrong == 0);
}
