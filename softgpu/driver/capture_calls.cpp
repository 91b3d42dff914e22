// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Stream Management": stream capture.
#include "softgpu/driver/capture.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/thread_state.h"

using namespace vgpu::soft;

namespace {

bool is_mode(CUstreamCaptureMode mode) {
  return mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED;
}

Ref<Capture> capture_of(Stream& stream) {
  const Ref<StreamCapture> capture = stream.capture();
  return Ref<Capture>(static_cast<Capture*>(capture.get()));
}

CuResult<Capture::Info> query(CUstream handle) {
  const Ref<Stream> stream = TRY(find_stream(handle));
  // The legacy stream is never captured, and asking about it beside a captured stream hints at a mistake.
  if (stream->type() == Stream::Type::legacy && Capture::captures_blocking_stream(stream->context(), false))
    return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  const Ref<Capture> capture = capture_of(*stream);
  return capture ? capture->info(*stream) : Capture::Info{};
}

CUresult get_info(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph,
                  const CUgraphNode** dependencies, const CUgraphEdgeData** edge_data, size_t* count) {
  if (status == nullptr) {
    TRY(find_stream(stream));
    return CUDA_ERROR_INVALID_VALUE;
  }
  const Capture::Info info = TRY(query(stream));
  const bool active = info.status == CU_STREAM_CAPTURE_STATUS_ACTIVE;
  if (dependencies != nullptr && edge_data == nullptr && !info.plain) return CUDA_ERROR_LOSSY_QUERY;
  *status = info.status;
  if (info.status == CU_STREAM_CAPTURE_STATUS_NONE) return CUDA_SUCCESS;
  if (id != nullptr) *id = info.id;
  if (!active) return CUDA_SUCCESS;
  if (graph != nullptr) *graph = info.graph;
  if (dependencies != nullptr) *dependencies = info.dependencies;
  if (edge_data != nullptr) *edge_data = info.edge_data;
  if (count != nullptr) *count = info.count;
  return CUDA_SUCCESS;
}

CUresult update_dependencies(CUstream handle, CUgraphNode* nodes, const CUgraphEdgeData* data, size_t count,
                             unsigned flags) {
  const Ref<Stream> stream = TRY(find_stream(handle));
  const Ref<Capture> capture = capture_of(*stream);
  if (!capture) return CUDA_ERROR_ILLEGAL_STATE;
  if (flags != CU_STREAM_ADD_CAPTURE_DEPENDENCIES && flags != CU_STREAM_SET_CAPTURE_DEPENDENCIES)
    return CUDA_ERROR_INVALID_VALUE;
  return capture->set_dependencies(*stream, nodes, data, count, flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES);
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuStreamBeginCapture(CUstream hStream) {
  return cuStreamBeginCapture_v2(hStream, CU_STREAM_CAPTURE_MODE_GLOBAL);
}

CUresult CUDAAPI cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode mode) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (!is_mode(mode)) return CUDA_ERROR_INVALID_VALUE;
  return Capture::begin(stream, mode, nullptr, {});
}

CUresult CUDAAPI cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph hGraph, const CUgraphNode* dependencies,
                                             const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                             CUstreamCaptureMode mode) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  if (!is_mode(mode)) return CUDA_ERROR_INVALID_VALUE;
  Ref<Graph> graph = TRY(find_graph(hGraph));
  std::vector<GraphNode::Edge> edges;
  {
    const GraphLock lock;
    edges = TRY(find_dependencies(*graph, dependencies, dependencyData, numDependencies));
  }
  return Capture::begin(stream, mode, std::move(graph), std::move(edges));
}

CUresult CUDAAPI cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  const Ref<Capture> capture = capture_of(*stream);
  CUgraph known = nullptr;
  if (phGraph == nullptr) {
    // Who captures into a graph has it already.
    if (!capture || capture->has_own_graph()) return CUDA_ERROR_INVALID_VALUE;
    phGraph = &known;
  }
  if (!capture) {
    *phGraph = nullptr;
    return CUDA_ERROR_ILLEGAL_STATE;
  }
  return capture->end(*stream, phGraph);
}

CUresult CUDAAPI cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus* captureStatus) {
  return get_info(hStream, captureStatus, nullptr, nullptr, nullptr, nullptr, nullptr);
}

CUresult CUDAAPI cuStreamGetCaptureInfo(CUstream hStream, CUstreamCaptureStatus* captureStatus_out,
                                        cuuint64_t* id_out) {
  return get_info(hStream, captureStatus_out, id_out, nullptr, nullptr, nullptr, nullptr);
}
CUresult CUDAAPI cuStreamGetCaptureInfo_v2(CUstream hStream, CUstreamCaptureStatus* captureStatus_out,
                                           cuuint64_t* id_out, CUgraph* graph_out, const CUgraphNode** dependencies_out,
                                           size_t* numDependencies_out) {
  return get_info(hStream, captureStatus_out, id_out, graph_out, dependencies_out, nullptr, numDependencies_out);
}
CUresult CUDAAPI cuStreamGetCaptureInfo_v3(CUstream hStream, CUstreamCaptureStatus* captureStatus_out,
                                           cuuint64_t* id_out, CUgraph* graph_out, const CUgraphNode** dependencies_out,
                                           const CUgraphEdgeData** edgeData_out, size_t* numDependencies_out) {
  return get_info(hStream, captureStatus_out, id_out, graph_out, dependencies_out, edgeData_out, numDependencies_out);
}

CUresult CUDAAPI cuStreamUpdateCaptureDependencies(CUstream hStream, CUgraphNode* dependencies, size_t numDependencies,
                                                   unsigned int flags) {
  return update_dependencies(hStream, dependencies, nullptr, numDependencies, flags);
}
CUresult CUDAAPI cuStreamUpdateCaptureDependencies_v2(CUstream hStream, CUgraphNode* dependencies,
                                                      const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                                      unsigned int flags) {
  return update_dependencies(hStream, dependencies, dependencyData, numDependencies, flags);
}

CUresult CUDAAPI cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  TRY(current_process());
  if (mode == nullptr || !is_mode(*mode)) return CUDA_ERROR_INVALID_VALUE;
  std::swap(*mode, thread_state().capture_mode);
  return CUDA_SUCCESS;
}

}  // extern "C"
