// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Graph Management": instantiating, launching and updating executable graphs.
#include "softgpu/driver/graph_exec.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/stream.h"

using namespace vgpu::soft;

namespace {

constexpr uint64_t kKnownFlags = CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH |
                                 CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH |
                                 CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY;

vgpu::Result<Ref<GraphExec>, GraphExec::Failure> instantiate(CUgraph handle, uint64_t flags) {
  using Failure = GraphExec::Failure;
  const auto context = current_context();
  if (!context) return Failure{context.error(), CUDA_GRAPH_INSTANTIATE_ERROR, nullptr};
  if (const CUresult unsafe = check_unsafe_call(); unsafe != CUDA_SUCCESS)
    return Failure{unsafe, CUDA_GRAPH_INSTANTIATE_ERROR, nullptr};
  auto graph = find_graph(handle);
  if (!graph || (flags & ~kKnownFlags) != 0) return Failure{};
  // Kernels cannot launch graphs on this device.
  if ((flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH) != 0)
    return Failure{CUDA_ERROR_NOT_SUPPORTED, CUDA_GRAPH_INSTANTIATE_NODE_OPERATION_NOT_SUPPORTED, nullptr};
  return GraphExec::create(**graph, flags);
}

CUresult instantiate_with_log(CUgraphExec* out, CUgraph graph, char* log, size_t log_size) {
  if (out == nullptr) {
    TRY(current_process());
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (log != nullptr && log_size != 0) *log = '\0';
  auto exec = instantiate(graph, 0);
  if (!exec) return exec.error().code;
  *out = handle_of(**exec);
  return CUDA_SUCCESS;
}

// Replaces what the executable's copy of a node of this type does.
template <class MakeWork>
CUresult set_work(CUgraphExec exec_handle, CUgraphNode node_handle, CUgraphNodeType type, MakeWork make_work) {
  const Ref<GraphExec> exec = TRY(find_exec(exec_handle));
  const Ref<GraphNode> node = TRY(find_node(node_handle, type));
  return exec->set_work(*node, TRY(make_work(*node)));
}

template <class Parameters>
CUresult set_kernel(CUgraphExec exec, CUgraphNode node, const Parameters* parameters) {
  if (parameters == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_work(exec, node, CU_GRAPH_NODE_TYPE_KERNEL, [&](const GraphNode& original) {
    return kernel_work(widen(*parameters), original.work.launch().attributes());
  });
}

// Only these node types can be switched off (cuGraphNodeSetEnabled).
CuResult<Ref<GraphNode>> find_switchable(CUgraphNode handle) {
  Ref<GraphNode> node = TRY(find_node(handle));
  const CUgraphNodeType type = node->work.type;
  const bool switchable =
      type == CU_GRAPH_NODE_TYPE_KERNEL || type == CU_GRAPH_NODE_TYPE_MEMCPY || type == CU_GRAPH_NODE_TYPE_MEMSET;
  if (!switchable) return CUDA_ERROR_INVALID_VALUE;
  return node;
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuGraphInstantiate(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode*, char* logBuffer,
                                    size_t bufferSize) {
  return instantiate_with_log(phGraphExec, hGraph, logBuffer, bufferSize);
}
CUresult CUDAAPI cuGraphInstantiate_v2(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode*, char* logBuffer,
                                       size_t bufferSize) {
  return instantiate_with_log(phGraphExec, hGraph, logBuffer, bufferSize);
}

CUresult CUDAAPI cuGraphInstantiateWithFlags(CUgraphExec* phGraphExec, CUgraph hGraph, unsigned long long flags) {
  TRY(current_process());
  if (phGraphExec == nullptr) return CUDA_ERROR_INVALID_VALUE;
  auto exec = instantiate(hGraph, flags);
  if (!exec) return exec.error().code;
  *phGraphExec = handle_of(**exec);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphInstantiateWithParams(CUgraphExec* phGraphExec, CUgraph hGraph,
                                              CUDA_GRAPH_INSTANTIATE_PARAMS* instantiateParams) {
  TRY(current_process());
  if (phGraphExec == nullptr || instantiateParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const bool upload = (instantiateParams->flags & CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD) != 0;
  instantiateParams->hErrNode_out = nullptr;
  instantiateParams->result_out = CUDA_GRAPH_INSTANTIATE_ERROR;
  if (upload) TRY(find_stream(instantiateParams->hUploadStream));
  auto exec = instantiate(hGraph, instantiateParams->flags & ~cuuint64_t{CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD});
  if (!exec) {
    instantiateParams->result_out = exec.error().result;
    instantiateParams->hErrNode_out = exec.error().node;
    return exec.error().code;
  }
  instantiateParams->result_out = CUDA_GRAPH_INSTANTIATE_SUCCESS;
  *phGraphExec = handle_of(**exec);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphExecGetFlags(CUgraphExec hGraphExec, cuuint64_t* flags) {
  const Ref<GraphExec> exec = TRY(find_exec(hGraphExec));
  if (flags == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flags = exec->flags();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphExecDestroy(CUgraphExec hGraphExec) {
  const Ref<GraphExec> exec = TRY(find_exec(hGraphExec));
  return retire(exec) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuGraphLaunch(CUgraphExec hGraph, CUstream hStream) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  const Ref<GraphExec> exec = TRY(find_exec(hGraph));
  VGPU_CHECK(stream->refuse_in_capture());
  return exec->launch(*stream);
}

// Nothing needs to be brought to the device before the first launch.
CUresult CUDAAPI cuGraphUpload(CUgraphExec hGraphExec, CUstream hStream) {
  const Ref<Stream> stream = TRY(find_stream(hStream));
  TRY(find_exec(hGraphExec));
  return stream->refuse_in_capture();
}

CUresult CUDAAPI cuGraphExecKernelNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return set_kernel(hGraphExec, hNode, nodeParams);
}
CUresult CUDAAPI cuGraphExecKernelNodeSetParams_v2(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                   const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return set_kernel(hGraphExec, hNode, nodeParams);
}

CUresult CUDAAPI cuGraphExecMemcpyNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  if (copyParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_work(hGraphExec, hNode, CU_GRAPH_NODE_TYPE_MEMCPY,
                  [&](const GraphNode&) { return memcpy_work(*copyParams, ctx); });
}

CUresult CUDAAPI cuGraphExecMemsetNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext ctx) {
  if (memsetParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_MEMSET_NODE_PARAMS& set = *memsetParams;
  return set_work(hGraphExec, hNode, CU_GRAPH_NODE_TYPE_MEMSET, [&](const GraphNode&) {
    return memset_work({set.dst, set.pitch, set.value, set.elementSize, set.width, set.height, ctx});
  });
}

CUresult CUDAAPI cuGraphExecHostNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                              const CUDA_HOST_NODE_PARAMS* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_work(hGraphExec, hNode, CU_GRAPH_NODE_TYPE_HOST, [&](const GraphNode&) {
    return host_work({nodeParams->fn, nodeParams->userData});
  });
}

CUresult CUDAAPI cuGraphExecChildGraphNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraph childGraph) {
  const Ref<GraphExec> exec = TRY(find_exec(hGraphExec));
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_GRAPH));
  const Ref<Graph> child = TRY(find_graph(childGraph));
  return exec->set_child(*node, *child);
}

CUresult CUDAAPI cuGraphExecEventRecordNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent event) {
  return set_work(hGraphExec, hNode, CU_GRAPH_NODE_TYPE_EVENT_RECORD,
                  [&](const GraphNode&) { return event_work(CU_GRAPH_NODE_TYPE_EVENT_RECORD, event); });
}
CUresult CUDAAPI cuGraphExecEventWaitNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent event) {
  return set_work(hGraphExec, hNode, CU_GRAPH_NODE_TYPE_WAIT_EVENT,
                  [&](const GraphNode&) { return event_work(CU_GRAPH_NODE_TYPE_WAIT_EVENT, event); });
}

CUresult CUDAAPI cuGraphExecBatchMemOpNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                    const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_work(hGraphExec, hNode, CU_GRAPH_NODE_TYPE_BATCH_MEM_OP, [&](const GraphNode&) {
    return batch_work({nodeParams->ctx, nodeParams->count, nodeParams->paramArray, nodeParams->flags});
  });
}

CUresult CUDAAPI cuGraphNodeSetEnabled(CUgraphExec hGraphExec, CUgraphNode hNode, unsigned int isEnabled) {
  const Ref<GraphExec> exec = TRY(find_exec(hGraphExec));
  const Ref<GraphNode> node = TRY(find_switchable(hNode));
  return exec->set_enabled(*node, isEnabled != 0);
}
CUresult CUDAAPI cuGraphNodeGetEnabled(CUgraphExec hGraphExec, CUgraphNode hNode, unsigned int* isEnabled) {
  const Ref<GraphExec> exec = TRY(find_exec(hGraphExec));
  const Ref<GraphNode> node = TRY(find_switchable(hNode));
  if (isEnabled == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *isEnabled = TRY(exec->enabled(*node)) ? 1 : 0;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphExecUpdate_v2(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphExecUpdateResultInfo* resultInfo) {
  const Ref<GraphExec> exec = TRY(find_exec(hGraphExec));
  const Ref<Graph> graph = TRY(find_graph(hGraph));
  CUgraphExecUpdateResultInfo info{};
  const CUresult status = exec->update(*graph, &info);
  if (resultInfo != nullptr) *resultInfo = info;
  return status;
}
CUresult CUDAAPI cuGraphExecUpdate(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphNode* hErrorNode_out,
                                   CUgraphExecUpdateResult* updateResult_out) {
  CUgraphExecUpdateResultInfo info{};
  info.result = CU_GRAPH_EXEC_UPDATE_ERROR;
  const CUresult status = cuGraphExecUpdate_v2(hGraphExec, hGraph, &info);
  if (hErrorNode_out != nullptr) *hErrorNode_out = info.errorNode;
  if (updateResult_out != nullptr) *updateResult_out = info.result;
  return status;
}

}  // extern "C"
