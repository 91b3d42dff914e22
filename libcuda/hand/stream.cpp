// SPDX-License-Identifier: Apache-2.0
// Streams: host functions, capture, and older forms of calls. CUDA driver API: Stream Management, Event Management,
// Stream Memory Operations.
#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "common/bits.h"
#include "libcuda/by_hand.h"
#include "libcuda/callbacks.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest {
namespace {

// While anything is being captured, only launches are posted: a capture's errors belong to the call that made them.
template <class Begin>
CUresult begin_capture(const Admitted& admitted, CUstream stream, CUstreamCaptureMode mode, Begin begin) {
  Process& process = *admitted.process;
  ThreadState& thread = *admitted.thread;
  const bool global = mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
  if (global) process.global_captures.fetch_add(1);
  if (process.captures.fetch_add(1) == 0) process.captures_doubtful = false;
  const CUresult status = begin();
  if (status != CUDA_SUCCESS) {
    process.captures.fetch_sub(1);
    if (global) process.global_captures.fetch_sub(1);
    return status;
  }
  if (mode != CU_STREAM_CAPTURE_MODE_RELAXED) ++thread.captures;
  if (global) thread.global_captures.push_back(bits_of(stream));
  return status;
}

void end_capture(const Admitted& admitted, CUstream stream) {
  ThreadState& thread = *admitted.thread;
  admitted.process->captures.fetch_sub(1);
  // A capture that is not relaxed ends in the thread that began it; a relaxed one is not counted.
  if (thread.captures > 0) --thread.captures;
  const auto found = std::find(thread.global_captures.begin(), thread.global_captures.end(), bits_of(stream));
  if (found == thread.global_captures.end()) return;
  thread.global_captures.erase(found);
  admitted.process->global_captures.fetch_sub(1);
}

}  // namespace

namespace by_hand {

CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (fn == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(start_callback_thread(*admitted.process));
  Remote remote(admitted, api::opcode::cuLaunchHostFunc);
  remote.writer().put(bits_of(hStream));
  remote.writer().put(wire::HostFunction{bits_of(fn), bits_of(userData)});
  return remote.call();
}

CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData, unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (callback == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(start_callback_thread(*admitted.process));
  Remote remote(admitted, api::opcode::cuStreamAddCallback);
  remote.writer().put(bits_of(hStream));
  remote.writer().put(wire::HostFunction{bits_of(callback), bits_of(userData)});
  remote.writer().put(static_cast<uint32_t>(flags));
  return remote.call();
}

CUresult cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode mode) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return begin_capture(admitted, hStream, mode,
                       [&] { return forward(admitted, api::spec::cuStreamBeginCapture_v2, hStream, mode); });
}

CUresult cuStreamBeginCapture(CUstream hStream) {
  return by_hand::cuStreamBeginCapture_v2(hStream, CU_STREAM_CAPTURE_MODE_GLOBAL);
}

CUresult cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph hGraph, const CUgraphNode* dependencies,
                                     const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                     CUstreamCaptureMode mode) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return begin_capture(admitted, hStream, mode, [&] {
    return forward(admitted, api::spec::cuStreamBeginCaptureToGraph, hStream, hGraph, dependencies, dependencyData,
                   numDependencies, mode);
  });
}

CUresult cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  CUstreamCaptureStatus before = CU_STREAM_CAPTURE_STATUS_NONE;
  static_cast<void>(forward(admitted, api::spec::cuStreamIsCapturing, hStream, &before));
  const CUresult status = forward(admitted, api::spec::cuStreamEndCapture, hStream, phGraph);
  if (status != CUDA_SUCCESS && phGraph != nullptr) *phGraph = nullptr;
  CUstreamCaptureStatus after = CU_STREAM_CAPTURE_STATUS_NONE;
  static_cast<void>(forward(admitted, api::spec::cuStreamIsCapturing, hStream, &after));
  // A capture also ends when it turns out to be invalid.
  if (before != CU_STREAM_CAPTURE_STATUS_NONE && after == CU_STREAM_CAPTURE_STATUS_NONE) end_capture(admitted, hStream);
  return status;
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  VGPU_ADMIT(admitted);
  if (mode == nullptr || *mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  std::swap(admitted.thread->capture_mode, *mode);
  return CUDA_SUCCESS;
}

}  // namespace by_hand

namespace {

// What cuStreamGetCaptureInfo hands out by pointer stays valid until the stream's next capture call: kept per thread.
struct CaptureInfo {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  cuuint64_t id = 0;
  CUgraph graph = nullptr;
  std::vector<CUgraphNode> nodes;
  std::vector<CUgraphEdgeData> edges;
  bool has_edges = false;
};

CaptureInfo& capture_info_of_thread() {
  static thread_local CaptureInfo* info = new CaptureInfo;
  return *info;
}

CUresult fetch_capture_info(CUstream stream, bool wants_edges, CaptureInfo& info) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  Remote remote(admitted, api::opcode::cuStreamGetCaptureInfo_v3);
  remote.writer().put(bits_of(stream));
  remote.writer().put(static_cast<uint32_t>(wants_edges));
  VGPU_CHECK(remote.call());
  codec::Reader& reader = remote.reader();
  info.status = static_cast<CUstreamCaptureStatus>(reader.get<uint32_t>());
  info.id = reader.get<uint64_t>();
  info.graph = from_bits<CUgraph>(reader.get<uint64_t>());
  const auto count = reader.get<uint64_t>();
  if (reader.failed() || count > reader.left() / sizeof(uint64_t)) return CUDA_ERROR_UNKNOWN;
  info.nodes.clear();
  info.edges.clear();
  for (uint64_t i = 0; i < count; ++i) info.nodes.push_back(from_bits<CUgraphNode>(reader.get<uint64_t>()));
  for (uint64_t i = 0; i < count; ++i) info.edges.push_back(reader.get<CUgraphEdgeData>());
  return reader.complete() ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

}  // namespace

namespace by_hand {

CUresult cuStreamGetCaptureInfo_v3(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out,
                                   CUgraph* graph_out, const CUgraphNode** dependencies_out,
                                   const CUgraphEdgeData** edgeData_out, size_t* numDependencies_out) {
  if (captureStatus_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CaptureInfo& info = capture_info_of_thread();
  VGPU_CHECK(fetch_capture_info(hStream, edgeData_out != nullptr, info));
  *captureStatus_out = info.status;
  if (info.status != CU_STREAM_CAPTURE_STATUS_ACTIVE) return CUDA_SUCCESS;
  if (id_out != nullptr) *id_out = info.id;
  if (graph_out != nullptr) *graph_out = info.graph;
  if (dependencies_out != nullptr) *dependencies_out = info.nodes.data();
  if (edgeData_out != nullptr) *edgeData_out = info.edges.data();
  if (numDependencies_out != nullptr) *numDependencies_out = info.nodes.size();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCaptureInfo_v2(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out,
                                   CUgraph* graph_out, const CUgraphNode** dependencies_out,
                                   size_t* numDependencies_out) {
  return by_hand::cuStreamGetCaptureInfo_v3(hStream, captureStatus_out, id_out, graph_out, dependencies_out, nullptr,
                                            numDependencies_out);
}

CUresult cuStreamGetCaptureInfo(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out) {
  return by_hand::cuStreamGetCaptureInfo_v3(hStream, captureStatus_out, id_out, nullptr, nullptr, nullptr, nullptr);
}

CUresult cuStreamGetCtx_v2(CUstream hStream, CUcontext* pCtx, CUgreenCtx* pGreenCtx) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  if (pCtx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, api::opcode::cuStreamGetCtx_v2);
  remote.writer().put(bits_of(hStream));
  VGPU_CHECK(remote.call());
  *pCtx = from_bits<CUcontext>(remote.reader().get<uint64_t>());
  const auto green = from_bits<CUgreenCtx>(remote.reader().get<uint64_t>());
  if (pGreenCtx != nullptr) *pGreenCtx = green;
  return remote.reader().complete() ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

CUresult cuStreamGetCtx(CUstream hStream, CUcontext* pctx) {
  return by_hand::cuStreamGetCtx_v2(hStream, pctx, nullptr);
}

// --- Older forms of row-described calls. They differ in name only.

CUresult cuStreamDestroy(CUstream hStream) {
  VGPU_ADMIT(admitted);
  return forward(admitted, api::spec::cuStreamDestroy_v2, hStream);
}

CUresult cuEventDestroy(CUevent hEvent) {
  VGPU_ADMIT(admitted);
  return forward(admitted, api::spec::cuEventDestroy_v2, hEvent);
}

CUresult cuEventElapsedTime(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  VGPU_ADMIT(admitted);
  return forward(admitted, api::spec::cuEventElapsedTime_v2, pMilliseconds, hStart, hEnd);
}

CUresult cuStreamBatchMemOp(CUstream stream, unsigned int count, CUstreamBatchMemOpParams* paramArray,
                            unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return forward(admitted, api::spec::cuStreamBatchMemOp_v2, stream, count, paramArray, flags);
}

CUresult cuStreamWaitValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return forward(admitted, api::spec::cuStreamWaitValue32_v2, stream, addr, value, flags);
}

CUresult cuStreamWaitValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return forward(admitted, api::spec::cuStreamWaitValue64_v2, stream, addr, value, flags);
}

CUresult cuStreamWriteValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return forward(admitted, api::spec::cuStreamWriteValue32_v2, stream, addr, value, flags);
}

CUresult cuStreamWriteValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  VGPU_ADMIT_WITH_CONTEXT(admitted);
  return forward(admitted, api::spec::cuStreamWriteValue64_v2, stream, addr, value, flags);
}

}  // namespace by_hand
}  // namespace vgpu::guest
