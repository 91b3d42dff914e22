// SPDX-License-Identifier: Apache-2.0
// A thread that captures beside others that wait. CUDA driver API: Stream Management, cuStreamBeginCapture (modes).
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

#include "tests/contract/fixture.h"
#include "tests/contract/kernels.h"

namespace {

// `wait` is under way, behind a gate in `busy`, while the caller captures for its own thread.
void check_capture_beside(CUcontext context, CUstream busy, const std::function<CUresult()>& wait) {
  Gate gate(busy);
  CUresult waited = CUDA_ERROR_UNKNOWN;
  std::thread waiter([&] {
    cuCtxSetCurrent(context);
    waited = wait();
  });
  // Whoever waits does so by now, and longer than anybody looks without a pause.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  Stream capturing(CU_STREAM_DEFAULT);
  const Module module(kBasicPtx);
  DeviceBuffer memory(16);
  CUgraph graph = nullptr;
  CHECK_CUDA(cuStreamBeginCapture(capturing, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  CHECK_CUDA(launch(module.function("add"), 1, 4, capturing, memory.address, 1u, 4u));
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  CHECK_CUDA(launch(module.function("add"), 1, 4, capturing, memory.address, 1u, 4u));
  CHECK_CUDA(cuStreamEndCapture(capturing, &graph));
  gate.open();
  waiter.join();
  CHECK_CUDA(waited);
  size_t nodes = 0;
  CHECK_CUDA(cuGraphGetNodes(graph, nullptr, &nodes));
  CHECK(nodes == 2);
  CHECK_CUDA(cuGraphDestroy(graph));
}

}  // namespace

TEST_CASE_METHOD(Gpu, "a thread that waits for its context spoils no capture", "[contract][capture]") {
  Stream busy;
  check_capture_beside(context, busy, [] { return cuCtxSynchronize(); });
}

TEST_CASE_METHOD(Gpu, "a thread that waits for an event spoils no capture", "[contract][capture]") {
  Stream busy;
  Event event(CU_EVENT_DISABLE_TIMING);
  check_capture_beside(context, busy, [&] {
    const CUresult recorded = cuEventRecord(event, busy);
    return recorded == CUDA_SUCCESS ? cuEventSynchronize(event) : recorded;
  });
}

TEST_CASE_METHOD(Gpu, "a thread that waits for a stream spoils no capture", "[contract][capture]") {
  Stream busy;
  check_capture_beside(context, busy, [&] { return cuStreamSynchronize(busy); });
}
