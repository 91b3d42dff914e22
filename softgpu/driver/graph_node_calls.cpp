// SPDX-License-Identifier: Apache-2.0
// CUDA driver API, "Graph Management": making nodes of each type, and reading and changing what they do.
#include "softgpu/driver/graph.h"
#include "softgpu/driver/process.h"

using namespace vgpu::soft;

namespace {

// Adds a node, whatever it does. The graph's own checks come first, so that no work is prepared in vain.
template <class MakeWork>
CUresult add_node(CUgraphNode* out, CUgraph handle, const CUgraphNode* dependencies, size_t count, MakeWork make_work) {
  TRY(current_process());
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Ref<Graph> graph = TRY(find_graph(handle));
  NodeWork work = TRY(make_work());
  const GraphLock lock;
  auto edges = TRY(find_dependencies(*graph, dependencies, nullptr, count));
  *out = handle_of(*TRY(graph->add(std::move(work), std::move(edges))));
  return CUDA_SUCCESS;
}

// Replaces what a node of this type does.
template <class MakeWork>
CUresult set_work(CUgraphNode handle, CUgraphNodeType type, MakeWork make_work) {
  const Ref<GraphNode> node = TRY(find_node(handle, type));
  NodeWork work = TRY(make_work(*node));
  const GraphLock lock;
  node->work = std::move(work);
  return CUDA_SUCCESS;
}

CUDA_MEMSET_NODE_PARAMS_v2 with_context(const CUDA_MEMSET_NODE_PARAMS_v1& set, CUcontext context) {
  return {set.dst, set.pitch, set.value, set.elementSize, set.width, set.height, context};
}

CUDA_BATCH_MEM_OP_NODE_PARAMS_v2 renew(const CUDA_BATCH_MEM_OP_NODE_PARAMS_v1& batch) {
  return {batch.ctx, batch.count, batch.paramArray, batch.flags};
}

CUcontext context_of(const GraphNode& node) { return node.work.context ? handle_of(*node.work.context) : nullptr; }

template <class Parameters>
CUresult get_kernel_parameters(CUgraphNode handle, Parameters* out) {
  const Ref<GraphNode> node = TRY(find_node(handle, CU_GRAPH_NODE_TYPE_KERNEL));
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  const CUDA_KERNEL_NODE_PARAMS_v3 all = kernel_parameters(node->work);
  *out = {};
  out->func = all.func;
  out->gridDimX = all.gridDimX;
  out->gridDimY = all.gridDimY;
  out->gridDimZ = all.gridDimZ;
  out->blockDimX = all.blockDimX;
  out->blockDimY = all.blockDimY;
  out->blockDimZ = all.blockDimZ;
  out->sharedMemBytes = all.sharedMemBytes;
  out->kernelParams = all.kernelParams;
  if constexpr (requires { out->kern; }) {
    out->kern = all.kern;
    out->ctx = all.ctx;
  }
  return CUDA_SUCCESS;
}

template <class Parameters>
CUresult set_kernel_parameters(CUgraphNode handle, const Parameters* parameters) {
  if (parameters == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_work(handle, CU_GRAPH_NODE_TYPE_KERNEL, [&](const GraphNode& node) {
    return kernel_work(widen(*parameters), node.work.launch().attributes());
  });
}

template <class Parameters>
CUresult add_kernel(CUgraphNode* out, CUgraph graph, const CUgraphNode* dependencies, size_t count,
                    const Parameters* parameters) {
  if (parameters == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return add_node(out, graph, dependencies, count, [&] { return kernel_work(widen(*parameters)); });
}

}  // namespace

extern "C" {

CUresult CUDAAPI cuGraphAddKernelNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                      size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return add_kernel(phGraphNode, hGraph, dependencies, numDependencies, nodeParams);
}
CUresult CUDAAPI cuGraphAddKernelNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                         size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return add_kernel(phGraphNode, hGraph, dependencies, numDependencies, nodeParams);
}
CUresult CUDAAPI cuGraphKernelNodeGetParams(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return get_kernel_parameters(hNode, nodeParams);
}
CUresult CUDAAPI cuGraphKernelNodeGetParams_v2(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return get_kernel_parameters(hNode, nodeParams);
}
CUresult CUDAAPI cuGraphKernelNodeSetParams(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return set_kernel_parameters(hNode, nodeParams);
}
CUresult CUDAAPI cuGraphKernelNodeSetParams_v2(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return set_kernel_parameters(hNode, nodeParams);
}

CUresult CUDAAPI cuGraphKernelNodeGetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr,
                                               CUkernelNodeAttrValue* value_out) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_KERNEL));
  if (value_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  *value_out = TRY(node->work.launch().attributes().get_of_node(attr));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphKernelNodeSetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr,
                                               const CUkernelNodeAttrValue* value) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_KERNEL));
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  LaunchAttributes attributes = node->work.launch().attributes();
  VGPU_CHECK(attributes.set_of_node(attr, *value));
  node->work.operation = TRY(node->work.launch().with(std::move(attributes)));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphKernelNodeCopyAttributes(CUgraphNode dst, CUgraphNode src) {
  const Ref<GraphNode> to = TRY(find_node(dst, CU_GRAPH_NODE_TYPE_KERNEL));
  const Ref<GraphNode> from = TRY(find_node(src, CU_GRAPH_NODE_TYPE_KERNEL));
  const GraphLock lock;
  to->work.operation = TRY(to->work.launch().with(from->work.launch().attributes()));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphAddMemcpyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                      size_t numDependencies, const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  if (copyParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return add_node(phGraphNode, hGraph, dependencies, numDependencies, [&] { return memcpy_work(*copyParams, ctx); });
}
CUresult CUDAAPI cuGraphMemcpyNodeGetParams(CUgraphNode hNode, CUDA_MEMCPY3D* nodeParams) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_MEMCPY));
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  *nodeParams = node->work.copy().node_parameters();
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuGraphMemcpyNodeSetParams(CUgraphNode hNode, const CUDA_MEMCPY3D* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_work(hNode, CU_GRAPH_NODE_TYPE_MEMCPY,
                  [&](const GraphNode& node) { return memcpy_work(*nodeParams, context_of(node)); });
}

CUresult CUDAAPI cuGraphAddMemsetNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                      size_t numDependencies, const CUDA_MEMSET_NODE_PARAMS* memsetParams,
                                      CUcontext ctx) {
  if (memsetParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return add_node(phGraphNode, hGraph, dependencies, numDependencies,
                  [&] { return memset_work(with_context(*memsetParams, ctx)); });
}
CUresult CUDAAPI cuGraphMemsetNodeGetParams(CUgraphNode hNode, CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_MEMSET));
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  *nodeParams = node->work.set().parameters();
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuGraphMemsetNodeSetParams(CUgraphNode hNode, const CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_work(hNode, CU_GRAPH_NODE_TYPE_MEMSET,
                  [&](const GraphNode& node) { return memset_work(with_context(*nodeParams, context_of(node))); });
}

CUresult CUDAAPI cuGraphAddHostNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                    size_t numDependencies, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return add_node(phGraphNode, hGraph, dependencies, numDependencies, [&] {
    return host_work({nodeParams->fn, nodeParams->userData});
  });
}
CUresult CUDAAPI cuGraphHostNodeGetParams(CUgraphNode hNode, CUDA_HOST_NODE_PARAMS* nodeParams) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_HOST));
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  *nodeParams = node->work.host().parameters();
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuGraphHostNodeSetParams(CUgraphNode hNode, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_work(hNode, CU_GRAPH_NODE_TYPE_HOST, [&](const GraphNode&) {
    return host_work({nodeParams->fn, nodeParams->userData});
  });
}

CUresult CUDAAPI cuGraphAddChildGraphNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                          size_t numDependencies, CUgraph childGraph) {
  return add_node(phGraphNode, hGraph, dependencies, numDependencies,
                  [&] { return child_work(childGraph, CU_GRAPH_CHILD_GRAPH_OWNERSHIP_CLONE); });
}
CUresult CUDAAPI cuGraphChildGraphNodeGetGraph(CUgraphNode hNode, CUgraph* phGraph) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_GRAPH));
  if (phGraph == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  *phGraph = handle_of(*node->work.inner.front());
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphAddEmptyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                     size_t numDependencies) {
  return add_node(phGraphNode, hGraph, dependencies, numDependencies,
                  []() -> CuResult<NodeWork> { return NodeWork(); });
}

CUresult CUDAAPI cuGraphAddEventRecordNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                           size_t numDependencies, CUevent event) {
  return add_node(phGraphNode, hGraph, dependencies, numDependencies,
                  [&] { return event_work(CU_GRAPH_NODE_TYPE_EVENT_RECORD, event); });
}
CUresult CUDAAPI cuGraphAddEventWaitNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                         size_t numDependencies, CUevent event) {
  return add_node(phGraphNode, hGraph, dependencies, numDependencies,
                  [&] { return event_work(CU_GRAPH_NODE_TYPE_WAIT_EVENT, event); });
}
CUresult CUDAAPI cuGraphEventRecordNodeGetEvent(CUgraphNode hNode, CUevent* event_out) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_EVENT_RECORD));
  if (event_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  *event_out = handle_of(*node->work.event);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuGraphEventWaitNodeGetEvent(CUgraphNode hNode, CUevent* event_out) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_WAIT_EVENT));
  if (event_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  *event_out = handle_of(*node->work.event);
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuGraphEventRecordNodeSetEvent(CUgraphNode hNode, CUevent event) {
  return set_work(hNode, CU_GRAPH_NODE_TYPE_EVENT_RECORD,
                  [&](const GraphNode&) { return event_work(CU_GRAPH_NODE_TYPE_EVENT_RECORD, event); });
}
CUresult CUDAAPI cuGraphEventWaitNodeSetEvent(CUgraphNode hNode, CUevent event) {
  return set_work(hNode, CU_GRAPH_NODE_TYPE_WAIT_EVENT,
                  [&](const GraphNode&) { return event_work(CU_GRAPH_NODE_TYPE_WAIT_EVENT, event); });
}

CUresult CUDAAPI cuGraphAddBatchMemOpNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                          size_t numDependencies, const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return add_node(phGraphNode, hGraph, dependencies, numDependencies, [&] { return batch_work(renew(*nodeParams)); });
}
CUresult CUDAAPI cuGraphBatchMemOpNodeGetParams(CUgraphNode hNode, CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams_out) {
  const Ref<GraphNode> node = TRY(find_node(hNode, CU_GRAPH_NODE_TYPE_BATCH_MEM_OP));
  if (nodeParams_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const GraphLock lock;
  const CUDA_BATCH_MEM_OP_NODE_PARAMS_v2 batch = batch_parameters(node->work);
  *nodeParams_out = {batch.ctx, batch.count, batch.paramArray, batch.flags};
  return CUDA_SUCCESS;
}
CUresult CUDAAPI cuGraphBatchMemOpNodeSetParams(CUgraphNode hNode, const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_work(hNode, CU_GRAPH_NODE_TYPE_BATCH_MEM_OP,
                  [&](const GraphNode&) { return batch_work(renew(*nodeParams)); });
}

}  // extern "C"
