// SPDX-License-Identifier: Apache-2.0
// Host callbacks in stream order, and questions about capture.
#include "common/bits.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {
namespace {

bool is_capturing(const Session& session, CUstream stream) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  return VGPU_DRIVER(session.driver, cuStreamIsCapturing)(stream, &status) == CUDA_SUCCESS &&
         status != CU_STREAM_CAPTURE_STATUS_NONE;
}

}  // namespace

CUresult host_function(Invocation& invocation) {
  const auto wire_stream = invocation.request.get<uint64_t>();
  const auto target = invocation.request.get<wire::HostFunction>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUstream stream = nullptr;
  if (!invocation.real(Kind::stream, wire_stream, stream)) return CUDA_ERROR_INVALID_HANDLE;
  Session& session = invocation.session;
  // A captured host function becomes a node that runs with every launch of its graph.
  const bool keep = is_capturing(session, stream);
  Callbacks::Record* record = session.callbacks.add(target.function, target.user_data, wire_stream, keep);
  const CUresult status =
      VGPU_DRIVER(session.driver, cuLaunchHostFunc)(stream, &Callbacks::run_host_function, static_cast<void*>(record));
  if (status != CUDA_SUCCESS) session.callbacks.remove(record);
  return status;
}

CUresult stream_callback(Invocation& invocation) {
  const auto wire_stream = invocation.request.get<uint64_t>();
  const auto target = invocation.request.get<wire::HostFunction>();
  const auto flags = invocation.request.get<uint32_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUstream stream = nullptr;
  if (!invocation.real(Kind::stream, wire_stream, stream)) return CUDA_ERROR_INVALID_HANDLE;
  Session& session = invocation.session;
  Callbacks::Record* record = session.callbacks.add(target.function, target.user_data, wire_stream, false);
  const CUstreamCallback trampoline = [](CUstream from, CUresult status, void* data) {
    Callbacks::run_stream_callback(from, static_cast<int>(status), data);
  };
  const CUresult status =
      VGPU_DRIVER(session.driver, cuStreamAddCallback)(stream, trampoline, static_cast<void*>(record), flags);
  if (status != CUDA_SUCCESS) session.callbacks.remove(record);
  return status;
}

// cuStreamGetCaptureInfo_v3: u32 status, u64 id, u64 graph, u64 n, n nodes, n edges.
CUresult capture_info(Invocation& invocation) {
  const auto wire_stream = invocation.request.get<uint64_t>();
  const auto wants_edges = invocation.request.get<uint32_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUstream stream = nullptr;
  if (!invocation.real(Kind::stream, wire_stream, stream)) return CUDA_ERROR_INVALID_HANDLE;
  CUstreamCaptureStatus capture = CU_STREAM_CAPTURE_STATUS_NONE;
  cuuint64_t id = 0;
  CUgraph graph = nullptr;
  const CUgraphNode* nodes = nullptr;
  const CUgraphEdgeData* edges = nullptr;
  size_t count = 0;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuStreamGetCaptureInfo_v3)(
      stream, &capture, &id, &graph, &nodes, wants_edges != 0 ? &edges : nullptr, &count);
  if (status != CUDA_SUCCESS) return status;
  if (capture != CU_STREAM_CAPTURE_STATUS_ACTIVE) count = 0, graph = nullptr;
  uint64_t real = bits_of(graph);
  const uint64_t wire_graph = real == 0 ? 0 : invocation.find_or_add(Kind::graph, real);
  // Nodes belong to the graph: naming it makes it their owner.
  if (wire_graph != 0) static_cast<void>(invocation.resolve(Kind::graph, wire_graph, real));
  invocation.reply.put(static_cast<uint32_t>(capture));
  invocation.reply.put(static_cast<uint64_t>(id));
  invocation.reply.put(wire_graph);
  invocation.reply.put(static_cast<uint64_t>(count));
  for (size_t i = 0; i < count; ++i) {
    invocation.reply.put(invocation.find_or_add(Kind::graph_node, bits_of(nodes[i])));
  }
  for (size_t i = 0; i < count; ++i) invocation.reply.put(edges == nullptr ? CUgraphEdgeData{} : edges[i]);
  return status;
}

// cuStreamGetCtx_v2: u64 context, u64 green context.
CUresult stream_context(Invocation& invocation) {
  const auto wire_stream = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  CUstream stream = nullptr;
  if (!invocation.real(Kind::stream, wire_stream, stream)) return CUDA_ERROR_INVALID_HANDLE;
  CUcontext context = nullptr;
  CUgreenCtx green = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuStreamGetCtx_v2)(stream, &context, &green);
  if (status != CUDA_SUCCESS) return status;
  invocation.reply.put(context == nullptr ? 0 : invocation.find_or_add(Kind::context, bits_of(context)));
  invocation.reply.put(green == nullptr ? 0 : invocation.find_or_add(Kind::green_context, bits_of(green)));
  return status;
}

}  // namespace vgpu::host::hand
