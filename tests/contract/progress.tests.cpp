// SPDX-License-Identifier: Apache-2.0
// Programs that ask again and again whether a stream or an event has finished. CUDA driver API: cuStreamQuery,
// cuEventQuery.
#include <optional>

#include "tests/contract/child.h"
#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"
#include "tests/contract/poll.h"

namespace {

constexpr unsigned kOften = 500;

// How many of `kOften` questions got another answer than this.
template <class Ask>
unsigned other_than(CUresult answer, Ask ask) {
  unsigned others = 0;
  for (unsigned i = 0; i < kOften; ++i) others += ask() != answer;
  return others;
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a stream that works is not ready, however often it is asked, until it has done",
                 "[contract][progress]") {
  Stream stream;
  for (int round = 0; round < 3; ++round) {
    Gate gate(stream);
    CHECK(other_than(CUDA_ERROR_NOT_READY, [&] { return cuStreamQuery(stream); }) == 0);
    gate.open();
    CHECK(poll(stream) == CUDA_SUCCESS);
    CHECK(other_than(CUDA_SUCCESS, [&] { return cuStreamQuery(stream); }) == 0);
  }
}

TEST_CASE_METHOD(Gpu, "the default streams can be asked often", "[contract][progress]") {
  for (const CUstream stream : {CUstream{}, CU_STREAM_LEGACY, CU_STREAM_PER_THREAD}) {
    Gate gate(stream);
    CHECK(other_than(CUDA_ERROR_NOT_READY, [&] { return cuStreamQuery(stream); }) == 0);
    gate.open();
    CHECK(poll(stream) == CUDA_SUCCESS);
  }
}

TEST_CASE_METHOD(Gpu, "work that a stream gets while it is asked counts", "[contract][progress]") {
  Stream stream;
  Gate first(stream);
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  Gate second(stream);
  first.open();
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK(other_than(CUDA_ERROR_NOT_READY, [&] { return cuStreamQuery(stream); }) == 0);
  second.open();
  CHECK(poll(stream) == CUDA_SUCCESS);
}

TEST_CASE_METHOD(Gpu, "an event that is recorded again and again can be asked each time", "[contract][progress]") {
  Stream stream;
  for (const unsigned flags : {unsigned{CU_EVENT_DEFAULT}, unsigned{CU_EVENT_DISABLE_TIMING}}) {
    Event event(flags);
    for (int round = 0; round < 5; ++round) {
      Gate gate(stream);
      REQUIRE_CUDA(cuEventRecord(event, stream));
      CHECK(other_than(CUDA_ERROR_NOT_READY, [&] { return cuEventQuery(event); }) == 0);
      gate.open();
      CHECK(poll(event) == CUDA_SUCCESS);
      CHECK_CUDA(cuEventSynchronize(event));
      CHECK_CUDA(cuEventQuery(event));
    }
  }
}

TEST_CASE_METHOD(Gpu, "an event is done although its stream goes on working", "[contract][progress]") {
  Stream stream;
  Event event;
  for (int round = 0; round < 3; ++round) {
    Gate before(stream);
    REQUIRE_CUDA(cuEventRecord(event, stream));
    CHECK(cuEventQuery(event) == CUDA_ERROR_NOT_READY);
    Gate after(stream);
    CHECK(cuEventQuery(event) == CUDA_ERROR_NOT_READY);
    before.open();
    CHECK(poll(event) == CUDA_SUCCESS);
    CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
    after.open();
    CHECK(poll(stream) == CUDA_SUCCESS);
  }
}

TEST_CASE_METHOD(Gpu, "whoever has waited for a stream finds all of its events done", "[contract][progress]") {
  Stream stream;
  std::vector<std::unique_ptr<Event>> events;
  for (int i = 0; i < 700; ++i) events.push_back(std::make_unique<Event>(CU_EVENT_DISABLE_TIMING));
  for (int round = 0; round < 3; ++round) {
    for (const auto& event : events) REQUIRE_CUDA(cuEventRecord(*event, stream));
    stream.synchronize();
    size_t unfinished = 0;
    for (const auto& event : events) unfinished += cuEventQuery(*event) != CUDA_SUCCESS;
    CHECK(unfinished == 0);
  }
}

TEST_CASE_METHOD(Gpu, "an event that was done is not any more when it is recorded in another stream",
                 "[contract][progress]") {
  Stream idle, busy;
  Event event;
  for (int round = 0; round < 3; ++round) {
    REQUIRE_CUDA(cuEventRecord(event, idle));
    CHECK(poll(event) == CUDA_SUCCESS);
    Gate gate(busy);
    REQUIRE_CUDA(cuEventRecord(event, busy));
    CHECK(cuEventQuery(event) == CUDA_ERROR_NOT_READY);
    gate.open();
    CHECK(poll(event) == CUDA_SUCCESS);
  }
}

TEST_CASE_METHOD(Gpu, "to ask about the legacy stream holds no other stream back", "[contract][progress]") {
  Stream first(CU_STREAM_DEFAULT), second(CU_STREAM_DEFAULT);
  DeviceBuffer memory(64);
  Gate gate(first);
  REQUIRE_CUDA(cuEventRecord(Event(), second));
  CHECK(other_than(CUDA_ERROR_INVALID_VALUE, [&] { return cuStreamQuery(nullptr); }) == kOften);
  REQUIRE_CUDA(cuMemsetD8Async(memory, 1, 64, second));
  second.synchronize();
  CHECK(!gate.timed_out());
  gate.open();
  first.synchronize();
}

TEST_CASE_METHOD(Gpu, "a stream that was idle is so while another is copied to, until it gets work itself",
                 "[contract][progress]") {
  Stream idle, other;
  DeviceBuffer memory(64);
  HostBuffer value(64);
  for (int round = 0; round < 3; ++round) {
    REQUIRE_CUDA(cuStreamSynchronize(idle));
    for (int i = 0; i < 5; ++i) {
      REQUIRE_CUDA(cuMemcpyHtoDAsync(memory, value.data, 64, other));
      REQUIRE_CUDA(cuStreamSynchronize(other));
      CHECK(cuStreamSynchronize(idle) == CUDA_SUCCESS);
      CHECK(cuStreamQuery(idle) == CUDA_SUCCESS);
    }
    std::optional<Gate> gate;
    // Work of another thread counts as well.
    if (round == 1) std::thread([&] { cuCtxSetCurrent(context), gate.emplace(idle); }).join();
    else gate.emplace(idle);
    REQUIRE_CUDA(cuMemcpyHtoDAsync(memory, value.data, 64, other));
    REQUIRE_CUDA(cuStreamSynchronize(other));
    CHECK(cuStreamQuery(idle) == CUDA_ERROR_NOT_READY);
    gate->open();
    CHECK(poll(idle) == CUDA_SUCCESS);
  }
}

TEST_CASE_METHOD(Gpu, "a copy to a stream that was idle makes it busy, whoever copies", "[contract][progress]") {
  Stream first, second;
  DeviceBuffer memory(64);
  HostBuffer value(64);
  REQUIRE_CUDA(cuStreamSynchronize(first));
  REQUIRE_CUDA(cuStreamSynchronize(second));
  Gate gate(second);
  REQUIRE_CUDA(cuMemcpyHtoDAsync(memory, value.data, 64, second));
  CHECK(cuStreamSynchronize(first) == CUDA_SUCCESS);
  CHECK(cuStreamQuery(second) == CUDA_ERROR_NOT_READY);
  gate.open();
  CHECK(cuStreamSynchronize(second) == CUDA_SUCCESS);
}

TEST_CASE_METHOD(Gpu, "what is asked about before a capture leaves nothing in it", "[contract][progress]") {
  Stream stream;
  Event event;
  Module module(kBasicPtx);
  {
    Gate gate(stream);
    REQUIRE_CUDA(cuEventRecord(event, stream));
    CHECK(cuEventQuery(event) == CUDA_ERROR_NOT_READY);
    CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  }
  CHECK(poll(stream) == CUDA_SUCCESS);
  REQUIRE_CUDA(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  REQUIRE_CUDA(launch(module.function("empty"), 1, 1, stream));
  REQUIRE_CUDA(cuEventRecord(event, stream));
  CUgraph captured = nullptr;
  REQUIRE_CUDA(cuStreamEndCapture(stream, &captured));
  const Graph graph(captured);
  size_t nodes = 0;
  CHECK_CUDA(cuGraphGetNodes(graph, nullptr, &nodes));
  CHECK(nodes == 1);
}

TEST_CASE_METHOD(Gpu, "many threads may ask about one event that one of them records", "[contract][progress]") {
  Stream stream;
  Event event(CU_EVENT_DISABLE_TIMING);
  std::atomic<bool> stop{false};
  std::atomic<unsigned> wrong{0};
  std::vector<std::thread> askers;
  for (int i = 0; i < 3; ++i)
    askers.emplace_back([&] {
      cuCtxSetCurrent(context);
      while (!stop) {
        const CUresult answer = cuEventQuery(event);
        wrong += answer != CUDA_SUCCESS && answer != CUDA_ERROR_NOT_READY;
      }
    });
  unsigned early = 0;
  for (int round = 0; round < 100; ++round) {
    Gate gate(stream);
    const CUresult recorded = cuEventRecord(event, stream);
    early += recorded != CUDA_SUCCESS || cuEventQuery(event) != CUDA_ERROR_NOT_READY;
    gate.open();
    if (poll(event) != CUDA_SUCCESS) ++wrong;
  }
  stop = true;
  for (std::thread& asker : askers) asker.join();
  CHECK(early == 0);
  CHECK(wrong == 0);
}

TEST_CASE("a fault is told to whoever asks about the stream or the event behind it", "[contract][progress]") {
  REQUIRE_CHILD("child-asked-fault-stream");
  REQUIRE_CHILD("child-asked-fault-event");
}

TEST_CASE_METHOD(Gpu, "child: a fault in a stream that is asked about", "[.][child-asked-fault-stream]") {
  Module module(kFaultPtx);
  Stream stream;
  const CUfunction store = module.function("store");
  Gate gate(stream);
  CHECK_CUDA(launch(store, 1, 1, stream, CUdeviceptr{16}, 1u));
  CHECK(other_than(CUDA_ERROR_NOT_READY, [&] { return cuStreamQuery(stream); }) == 0);
  gate.open();
  CHECK(poll(stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_CASE_METHOD(Gpu, "child: a fault before an event that is asked about", "[.][child-asked-fault-event]") {
  Module module(kFaultPtx);
  Stream stream;
  Event event;
  const CUfunction store = module.function("store");
  REQUIRE_CUDA(cuEventRecord(event, stream));
  CHECK(poll(event) == CUDA_SUCCESS);
  Gate gate(stream);
  CHECK_CUDA(launch(store, 1, 1, stream, CUdeviceptr{16}, 1u));
  CHECK_CUDA(cuEventRecord(event, stream));
  CHECK(other_than(CUDA_ERROR_NOT_READY, [&] { return cuEventQuery(event); }) == 0);
  gate.open();
  CHECK(poll(event) == CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_CASE("contexts that come and go can be asked about", "[contract][progress]") {
  REQUIRE_CHILD("child-asked-contexts");
}

TEST_CASE_METHOD(NoContext, "child: streams of several contexts are asked about", "[.][child-asked-contexts]") {
  for (int round = 0; round < 3; ++round) {
    CUcontext contexts[2] = {};
    for (CUcontext& made : contexts) {
      REQUIRE_CUDA(cuCtxCreate(&made, nullptr, 0, device));
      CUstream stream = nullptr;
      CUevent event = nullptr;
      REQUIRE_CUDA(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
      REQUIRE_CUDA(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
      for (int record = 0; record < 3; ++record) {
        Gate gate(stream);
        REQUIRE_CUDA(cuEventRecord(event, stream));
        CHECK(other_than(CUDA_ERROR_NOT_READY, [&] { return cuEventQuery(event); }) == 0);
        CHECK(other_than(CUDA_ERROR_NOT_READY, [&] { return cuStreamQuery(stream); }) == 0);
        gate.open();
        CHECK(poll(event) == CUDA_SUCCESS);
        CHECK(poll(stream) == CUDA_SUCCESS);
      }
    }
    for (const CUcontext made : contexts) CHECK_CUDA(cuCtxDestroy(made));
  }
}
