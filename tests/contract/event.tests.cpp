// SPDX-License-Identifier: Apache-2.0
// Events: record, query, synchronise, elapsed time. CUDA driver API: Event management.
#include "tests/contract/fixture.h"

TEST_CASE_METHOD(Gpu, "an event that was never recorded is complete", "[contract][event]") {
  Event event;
  CHECK_CUDA(cuEventQuery(event));
  CHECK_CUDA(cuEventSynchronize(event));
}

TEST_CASE_METHOD(Gpu, "an event completes when the work before it is done", "[contract][event]") {
  Stream stream;
  Event event;
  Gate gate(stream);
  REQUIRE_CUDA(cuEventRecord(event, stream));
  CHECK(cuEventQuery(event) == CUDA_ERROR_NOT_READY);
  gate.open();
  CHECK_CUDA(cuEventSynchronize(event));
  CHECK_CUDA(cuEventQuery(event));
}

TEST_CASE_METHOD(Gpu, "an event does not wait for work after it", "[contract][event]") {
  Stream stream;
  Event event;
  REQUIRE_CUDA(cuEventRecord(event, stream));
  Gate gate(stream);
  CHECK_CUDA(cuEventSynchronize(event));
  CHECK(cuStreamQuery(stream) == CUDA_ERROR_NOT_READY);
  gate.open();
  stream.synchronize();
}

TEST_CASE_METHOD(Gpu, "a new record replaces the old one", "[contract][event]") {
  Stream stream;
  Event event;
  REQUIRE_CUDA(cuEventRecord(event, stream));
  REQUIRE_CUDA(cuEventSynchronize(event));
  Gate gate(stream);
  REQUIRE_CUDA(cuEventRecord(event, stream));
  CHECK(cuEventQuery(event) == CUDA_ERROR_NOT_READY);
  gate.open();
  CHECK_CUDA(cuEventSynchronize(event));
}

TEST_CASE_METHOD(Gpu, "elapsed time covers what lies between two events", "[contract][event]") {
  Stream stream;
  Event begin, end;
  REQUIRE_CUDA(cuEventRecord(begin, stream));
  Gate gate(stream);
  REQUIRE_CUDA(cuEventRecord(end, stream));
  // The gate holds the stream after the first event for as long as this sleep, unless the event itself came late.
  REQUIRE_CUDA(cuEventSynchronize(begin));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  gate.open();
  REQUIRE_CUDA(cuEventSynchronize(end));
  float milliseconds = -1;
  REQUIRE_CUDA(cuEventElapsedTime(&milliseconds, begin, end));
  CHECK(milliseconds >= 25.0f);
  CHECK(milliseconds < 10000.0f);
}

TEST_CASE_METHOD(Gpu, "an event with itself has no elapsed time", "[contract][event]") {
  Event event;
  REQUIRE_CUDA(cuEventRecord(event, nullptr));
  REQUIRE_CUDA(cuEventSynchronize(event));
  float milliseconds = -1;
  CHECK_CUDA(cuEventElapsedTime(&milliseconds, event, event));
  CHECK(milliseconds == 0.0f);
}

TEST_CASE_METHOD(Gpu, "elapsed time of unfinished events is not ready", "[contract][event]") {
  Stream stream;
  Event begin, end;
  REQUIRE_CUDA(cuEventRecord(begin, stream));
  Gate gate(stream);
  REQUIRE_CUDA(cuEventRecord(end, stream));
  float milliseconds = 0;
  CHECK(cuEventElapsedTime(&milliseconds, begin, end) == CUDA_ERROR_NOT_READY);
  gate.open();
  stream.synchronize();
}

TEST_CASE_METHOD(Gpu, "elapsed time needs events with timing that were recorded", "[contract][event]") {
  Event timed, untimed(CU_EVENT_DISABLE_TIMING), fresh;
  REQUIRE_CUDA(cuEventRecord(timed, nullptr));
  REQUIRE_CUDA(cuEventRecord(untimed, nullptr));
  REQUIRE_CUDA(cuCtxSynchronize());
  float milliseconds = 0;
  CHECK(cuEventElapsedTime(&milliseconds, timed, untimed) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuEventElapsedTime(&milliseconds, timed, fresh) == CUDA_ERROR_INVALID_HANDLE);
  CHECK_REFUSED(cuEventElapsedTime(nullptr, timed, timed));
}

TEST_CASE_METHOD(Gpu, "events can be made with each flag", "[contract][event]") {
  for (unsigned flags :
       {unsigned{CU_EVENT_DEFAULT}, unsigned{CU_EVENT_BLOCKING_SYNC}, unsigned{CU_EVENT_DISABLE_TIMING},
        unsigned{CU_EVENT_BLOCKING_SYNC} | unsigned{CU_EVENT_DISABLE_TIMING}}) {
    Event event(flags);
    CHECK_CUDA(cuEventRecord(event, nullptr));
    CHECK_CUDA(cuEventSynchronize(event));
  }
}

TEST_CASE_METHOD(Gpu, "event calls refuse wrong arguments", "[contract][event]") {
  CUevent event = nullptr;
  CHECK(cuEventCreate(&event, 0x7700) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuEventCreate(&event, CU_EVENT_INTERPROCESS) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuEventCreate(nullptr, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK_REFUSED(cuEventRecord(nullptr, nullptr));
  CHECK_REFUSED(cuEventQuery(nullptr));
  CHECK_REFUSED(cuEventSynchronize(nullptr));
  CHECK_REFUSED(cuEventDestroy(nullptr));
}

TEST_CASE_METHOD(Gpu, "an event may be destroyed before it completes", "[contract][event]") {
  Stream stream;
  CUevent event = nullptr;
  REQUIRE_CUDA(cuEventCreate(&event, 0));
  Gate gate(stream);
  REQUIRE_CUDA(cuEventRecord(event, stream));
  CHECK_CUDA(cuEventDestroy(event));
  gate.open();
  CHECK_CUDA(cuStreamSynchronize(stream));
}

TEST_CASE_METHOD(Gpu, "cuEventRecordWithFlags records like cuEventRecord", "[contract][event]") {
  Stream stream;
  Event event;
  CHECK_CUDA(cuEventRecordWithFlags(event, stream, CU_EVENT_RECORD_DEFAULT));
  CHECK_CUDA(cuEventSynchronize(event));
  CHECK(cuEventRecordWithFlags(event, stream, 0x7700) == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE_METHOD(Gpu, "an event of one context is not recorded in a stream of another", "[contract][event]") {
  Stream stream;
  Event event;
  CUcontext other = nullptr;
  REQUIRE_CUDA(cuCtxCreate(&other, nullptr, 0, device));
  CUstream stranger = nullptr;
  REQUIRE_CUDA(cuStreamCreate(&stranger, CU_STREAM_DEFAULT));
  CHECK(cuEventRecord(event, stranger) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuEventRecord(event, nullptr) == CUDA_ERROR_INVALID_HANDLE);
  CHECK_CUDA(cuEventRecord(event, stream));
  CHECK_CUDA(cuCtxDestroy(other));
}

TEST_CASE_METHOD(Gpu, "many events can be recorded and are complete after one synchronisation", "[contract][event]") {
  Stream stream;
  std::vector<std::unique_ptr<Event>> events;
  for (int i = 0; i < 300; ++i) {
    events.push_back(std::make_unique<Event>(CU_EVENT_DISABLE_TIMING));
    REQUIRE_CUDA(cuEventRecord(*events.back(), stream));
  }
  stream.synchronize();
  size_t unfinished = 0;
  for (const auto& event : events) unfinished += cuEventQuery(*event) != CUDA_SUCCESS;
  CHECK(unfinished == 0);
}
