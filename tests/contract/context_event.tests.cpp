// SPDX-License-Identifier: Apache-2.0
// Events of a whole context. CUDA driver API: context management, cuCtxRecordEvent and cuCtxWaitEvent.
#include "tests/contract/fixture.h"

namespace {

void require_events(CUresult result) {
  if (result == CUDA_ERROR_NOT_SUPPORTED) SKIP("no events of contexts");
  REQUIRE_CUDA(result);
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a context's event waits for work in every stream", "[contract][context-event]") {
  Stream first, second(CU_STREAM_NON_BLOCKING);
  Event event;
  Gate gate(second);
  require_events(cuCtxRecordEvent(context, event));
  CHECK(cuEventQuery(event) == CUDA_ERROR_NOT_READY);
  gate.open();
  CHECK_CUDA(cuEventSynchronize(event));
  CHECK_CUDA(cuStreamQuery(second));
}

TEST_CASE_METHOD(Gpu, "an event that was done is not any more when a context records it", "[contract][context-event]") {
  Stream stream;
  Event event;
  REQUIRE_CUDA(cuEventRecord(event, stream));
  REQUIRE_CUDA(cuEventSynchronize(event));
  CHECK_CUDA(cuEventQuery(event));
  Gate gate(stream);
  require_events(cuCtxRecordEvent(context, event));
  CHECK(cuEventQuery(event) == CUDA_ERROR_NOT_READY);
  gate.open();
  CHECK_CUDA(cuEventSynchronize(event));
}

TEST_CASE_METHOD(Gpu, "a context that waits for an event holds back later work", "[contract][context-event]") {
  Stream gated(CU_STREAM_NON_BLOCKING), present(CU_STREAM_NON_BLOCKING);
  Event event;
  Gate gate(gated);
  REQUIRE_CUDA(cuEventRecord(event, gated));
  require_events(cuCtxWaitEvent(context, event));
  DeviceBuffer memory(64);
  REQUIRE_CUDA(cuMemsetD8Async(memory, 1, 64, present));
  CHECK(cuStreamQuery(present) == CUDA_ERROR_NOT_READY);
  gate.open();
  present.synchronize();
  CHECK(read_bytes(memory, 64) == std::vector<unsigned char>(64, 1));
}

TEST_CASE_METHOD(Gpu, "events of contexts refuse wrong arguments", "[contract][context-event]") {
  Event event;
  Stream stream;
  require_events(cuCtxRecordEvent(context, event));
  REQUIRE_CUDA(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  CHECK(cuCtxRecordEvent(context, event) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CUgraph graph = nullptr;
  CHECK(cuStreamEndCapture(stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}
