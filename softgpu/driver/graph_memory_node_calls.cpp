// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Graph Management": memory nodes, and the calls that take nodes of any type (cuGraphAddNode).
#include <algorithm>
#include <optional>

#include "softgpu/driver/graph.h"
#include "softgpu/driver/graph_exec.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/unimplemented.h"

using namespace vgpu::soft;

namespace {

bool frees(const Graph& graph, CUdeviceptr address) {
  return std::any_of(graph.nodes().begin(), graph.nodes().end(),
                     [&](const Ref<GraphNode>& node) { return node->work.freed == address; });
}

CUresult add(CUgraphNode* out, Graph& graph, const CUgraphNode* dependencies, const CUgraphEdgeData* data, size_t count,
             NodeWork work) {
  const GraphLock lock;
  if (work.type == CU_GRAPH_NODE_TYPE_MEM_FREE && frees(graph, work.freed)) return CUDA_ERROR_INVALID_VALUE;
  auto edges = TRY(find_dependencies(graph, dependencies, data, count));
  for (const GraphNode::Edge& edge : edges)
    if (!is_valid_edge(*edge.node, work, edge.data)) return CUDA_ERROR_INVALID_VALUE;
  *out = handle_of(*TRY(graph.add(std::move(work), std::move(edges))));
  return CUDA_SUCCESS;
}

// What the parameters describe. `before` is what an existing node does, or null for a new one.
CuResult<NodeWork> work_of(const CUgraphNodeParams& parameters, const NodeWork* before) {
  switch (parameters.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
      return kernel_work(parameters.kernel, before != nullptr ? before->launch().attributes() : LaunchAttributes());
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      if (parameters.memcpy.flags != 0 || parameters.memcpy.reserved != 0) return CUDA_ERROR_INVALID_VALUE;
      return memcpy_work(parameters.memcpy.copyParams, parameters.memcpy.copyCtx);
    case CU_GRAPH_NODE_TYPE_MEMSET: return memset_work(parameters.memset);
    case CU_GRAPH_NODE_TYPE_HOST: return host_work(parameters.host);
    case CU_GRAPH_NODE_TYPE_GRAPH: return child_work(parameters.graph.graph, parameters.graph.ownership);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT: return event_work(parameters.type, parameters.eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD: return event_work(parameters.type, parameters.eventRecord.event);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: return batch_work(parameters.memOp);
    default: break;
  }
  if (before != nullptr) return CUDA_ERROR_INVALID_VALUE;  // the others have nothing to set
  switch (static_cast<int>(parameters.type)) {
    case CU_GRAPH_NODE_TYPE_EMPTY: return NodeWork();
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: return alloc_work(parameters.alloc);
    case CU_GRAPH_NODE_TYPE_MEM_FREE: return free_work(parameters.free.dptr);
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL:
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT: return VGPU_UNIMPLEMENTED("graph nodes of external semaphores");
    case CU_GRAPH_NODE_TYPE_CONDITIONAL: return conditional_work(parameters.conditional);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

bool has_zero_padding(const CUgraphNodeParams& parameters) {
  const int(&reserved)[3] = parameters.reserved0;
  return reserved[0] == 0 && reserved[1] == 0 && reserved[2] == 0 && parameters.reserved2 == 0;
}

CUresult add_any(CUgraphNode* out, CUgraph handle, const CUgraphNode* dependencies, const CUgraphEdgeData* data,
                 size_t count, CUgraphNodeParams* parameters) {
  TRY(current_process());
  if (out == nullptr || parameters == nullptr || !has_zero_padding(*parameters)) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Graph> graph = TRY(find_graph(handle));
  NodeWork work = TRY(work_of(*parameters, nullptr));
  const CUdeviceptr address = work.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC ? work.allocation->address() : 0;
  const CUgraph child = work.type == CU_GRAPH_NODE_TYPE_GRAPH ? handle_of(*work.inner.front()) : nullptr;
  const auto bodies = work.body_handles;
  VGPU_CHECK(add(out, *graph, dependencies, data, count, std::move(work)));
  if (address != 0) parameters->alloc.dptr = address;
  if (child != nullptr) parameters->graph.graph = child;
  if (bodies) parameters->conditional.phGraph_out = bodies->data();
  return CUDA_SUCCESS;
}

CuResult<NodeWork> new_work(const GraphNode& node, const CUgraphNodeParams* parameters) {
  if (parameters == nullptr || parameters->type != node.work.type || !has_zero_padding(*parameters))
    return CUDA_ERROR_INVALID_VALUE;
  return work_of(*parameters, &node.work);
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuGraphAddMemAllocNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                        size_t numDependencies, CUDA_MEM_ALLOC_NODE_PARAMS* nodeParams) {
  TRY(current_process());
  if (phGraphNode == nullptr || nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Graph> graph = TRY(find_graph(hGraph));
  CUDA_MEM_ALLOC_NODE_PARAMS_v2 parameters{};
  parameters.poolProps = nodeParams->poolProps;
  parameters.accessDescs = nodeParams->accessDescs;
  parameters.accessDescCount = nodeParams->accessDescCount;
  parameters.bytesize = nodeParams->bytesize;
  NodeWork work = TRY(alloc_work(parameters));
  const CUdeviceptr address = work.allocation->address();
  VGPU_CHECK(add(phGraphNode, *graph, dependencies, nullptr, numDependencies, std::move(work)));
  nodeParams->dptr = address;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphMemAllocNodeGetParams(CUgraphNode hNode, CUDA_MEM_ALLOC_NODE_PARAMS* params_out) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_MEM_ALLOC));
  if (params_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  *params_out = node->work.allocation->parameters();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphAddMemFreeNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                       size_t numDependencies, CUdeviceptr dptr) {
  TRY(current_process());
  if (phGraphNode == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Graph> graph = TRY(find_graph(hGraph));
  NodeWork work = TRY(free_work(dptr));
  return add(phGraphNode, *graph, dependencies, nullptr, numDependencies, std::move(work));
}

CUresult CUDAAPI cuGraphMemFreeNodeGetParams(CUgraphNode hNode, CUdeviceptr* dptr_out) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_MEM_FREE));
  if (dptr_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *dptr_out = node->work.freed;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphAddNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                size_t numDependencies, CUgraphNodeParams* nodeParams) {
  return add_any(phGraphNode, hGraph, dependencies, nullptr, numDependencies, nodeParams);
}
CUresult CUDAAPI cuGraphAddNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                   const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                   CUgraphNodeParams* nodeParams) {
  return add_any(phGraphNode, hGraph, dependencies, dependencyData, numDependencies, nodeParams);
}

CUresult CUDAAPI cuGraphNodeSetParams(CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  const Ref<GraphNode> node = TRY(find_node(hNode));
  NodeWork work = TRY(new_work(*node, nodeParams));
  const GraphLock lock;
  node->work = std::move(work);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphExecNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  const Ref<GraphNode> node = TRY(find_node(hNode));
  const Ref<GraphExec> exec = TRY(find_exec(hGraphExec));
  return exec->set_work(*node, TRY(new_work(*node, nodeParams)));
}

}  // extern "C"
