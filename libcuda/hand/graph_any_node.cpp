// SPDX-License-Identifier: Apache-2.0
// The generic forms of the calls on graph nodes: the type in the parameters says which of the specific calls it is.
// CUDA driver API: Graph Management.
#include <cstring>
#include <vector>

#include "libcuda/hand/graph_node.h"

namespace vgpu::guest {
namespace {

// The specific calls' own structures of what the generic one holds.
CUDA_KERNEL_NODE_PARAMS kernel_of(const CUgraphNodeParams& params) {
  CUDA_KERNEL_NODE_PARAMS kernel = {};
  static_assert(sizeof params.kernel >= sizeof kernel);
  std::memcpy(&kernel, &params.kernel, sizeof kernel);
  return kernel;
}
CUDA_MEMSET_NODE_PARAMS_v1 memset_of(const CUgraphNodeParams& params) {
  const CUDA_MEMSET_NODE_PARAMS_v2& given = params.memset;
  return {given.dst, given.pitch, given.value, given.elementSize, given.width, given.height};
}
CUDA_HOST_NODE_PARAMS host_of(const CUgraphNodeParams& params) { return {params.host.fn, params.host.userData}; }
CUDA_BATCH_MEM_OP_NODE_PARAMS memop_of(const CUgraphNodeParams& params) {
  return {params.memOp.ctx, params.memOp.count, params.memOp.paramArray, params.memOp.flags};
}

}  // namespace

namespace by_hand {

CUresult cuGraphAddNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                        size_t numDependencies, CUgraphNodeParams* nodeParams) {
  VGPU_ADMIT(admitted);
  if (phGraphNode == nullptr || nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams& p = *nodeParams;
  switch (p.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      const CUDA_KERNEL_NODE_PARAMS kernel = kernel_of(p);
      return by_hand::cuGraphAddKernelNode_v2(phGraphNode, hGraph, dependencies, numDependencies, &kernel);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return by_hand::cuGraphAddMemcpyNode(phGraphNode, hGraph, dependencies, numDependencies, &p.memcpy.copyParams,
                                           p.memcpy.copyCtx);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS_v1 memset = memset_of(p);
      return forward(admitted, api::spec::cuGraphAddMemsetNode, phGraphNode, hGraph, dependencies, numDependencies,
                     &memset, p.memset.ctx);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS host = host_of(p);
      return by_hand::cuGraphAddHostNode(phGraphNode, hGraph, dependencies, numDependencies, &host);
    }
    case CU_GRAPH_NODE_TYPE_GRAPH:
      return forward(admitted, api::spec::cuGraphAddChildGraphNode, phGraphNode, hGraph, dependencies, numDependencies,
                     p.graph.graph);
    case CU_GRAPH_NODE_TYPE_EMPTY:
      return forward(admitted, api::spec::cuGraphAddEmptyNode, phGraphNode, hGraph, dependencies, numDependencies);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return forward(admitted, api::spec::cuGraphAddEventWaitNode, phGraphNode, hGraph, dependencies, numDependencies,
                     p.eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return forward(admitted, api::spec::cuGraphAddEventRecordNode, phGraphNode, hGraph, dependencies, numDependencies,
                     p.eventRecord.event);
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: {
      CUDA_MEM_ALLOC_NODE_PARAMS alloc = {};
      std::memcpy(&alloc, &p.alloc, sizeof alloc);
      VGPU_CHECK(by_hand::cuGraphAddMemAllocNode(phGraphNode, hGraph, dependencies, numDependencies, &alloc));
      p.alloc.dptr = alloc.dptr;
      return CUDA_SUCCESS;
    }
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
      return forward(admitted, api::spec::cuGraphAddMemFreeNode, phGraphNode, hGraph, dependencies, numDependencies,
                     p.free.dptr);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: {
      const CUDA_BATCH_MEM_OP_NODE_PARAMS memop = memop_of(p);
      return by_hand::cuGraphAddBatchMemOpNode(phGraphNode, hGraph, dependencies, numDependencies, &memop);
    }
    case CU_GRAPH_NODE_TYPE_CONDITIONAL:
      return add_conditional_node(admitted, phGraphNode, hGraph, dependencies, numDependencies, p.conditional);
    default: return refuse("cuGraphAddNode of this node type");
  }
}

// Edge data says more than "after", so the node is added alone and its edges afterwards.
CUresult cuGraphAddNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                           const CUgraphEdgeData* dependencyData, size_t numDependencies,
                           CUgraphNodeParams* nodeParams) {
  bool plain = true;
  for (size_t i = 0; dependencyData != nullptr && i < numDependencies; ++i)
    plain = plain && dependencyData[i].from_port == 0 && dependencyData[i].to_port == 0 && dependencyData[i].type == 0;
  if (plain) return by_hand::cuGraphAddNode(phGraphNode, hGraph, dependencies, numDependencies, nodeParams);
  VGPU_ADMIT(admitted);
  if (dependencies == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(by_hand::cuGraphAddNode(phGraphNode, hGraph, nullptr, 0, nodeParams));
  const std::vector<CUgraphNode> to(numDependencies, *phGraphNode);
  const CUresult status = forward(admitted, api::spec::cuGraphAddDependencies_v2, hGraph, dependencies, to.data(),
                                  dependencyData, numDependencies);
  if (status != CUDA_SUCCESS) static_cast<void>(forward(admitted, api::spec::cuGraphDestroyNode, *phGraphNode));
  return status;
}

CUresult cuGraphExecNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  VGPU_ADMIT(admitted);
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams& p = *nodeParams;
  switch (p.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      const CUDA_KERNEL_NODE_PARAMS kernel = kernel_of(p);
      return by_hand::cuGraphExecKernelNodeSetParams_v2(hGraphExec, hNode, &kernel);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return by_hand::cuGraphExecMemcpyNodeSetParams(hGraphExec, hNode, &p.memcpy.copyParams, p.memcpy.copyCtx);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS_v1 memset = memset_of(p);
      return forward(admitted, api::spec::cuGraphExecMemsetNodeSetParams, hGraphExec, hNode, &memset, p.memset.ctx);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS host = host_of(p);
      return by_hand::cuGraphExecHostNodeSetParams(hGraphExec, hNode, &host);
    }
    case CU_GRAPH_NODE_TYPE_GRAPH:
      return forward(admitted, api::spec::cuGraphExecChildGraphNodeSetParams, hGraphExec, hNode, p.graph.graph);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return forward(admitted, api::spec::cuGraphExecEventWaitNodeSetEvent, hGraphExec, hNode, p.eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return forward(admitted, api::spec::cuGraphExecEventRecordNodeSetEvent, hGraphExec, hNode, p.eventRecord.event);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: {
      const CUDA_BATCH_MEM_OP_NODE_PARAMS memop = memop_of(p);
      return by_hand::cuGraphExecBatchMemOpNodeSetParams(hGraphExec, hNode, &memop);
    }
    default: return refuse("cuGraphExecNodeSetParams of this node type");
  }
}

CUresult cuGraphNodeSetParams(CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  VGPU_ADMIT(admitted);
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams& p = *nodeParams;
  switch (p.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      const CUDA_KERNEL_NODE_PARAMS kernel = kernel_of(p);
      return by_hand::cuGraphKernelNodeSetParams_v2(hNode, &kernel);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY: return by_hand::cuGraphMemcpyNodeSetParams(hNode, &p.memcpy.copyParams);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS_v1 memset = memset_of(p);
      return forward(admitted, api::spec::cuGraphMemsetNodeSetParams, hNode, &memset);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS host = host_of(p);
      return by_hand::cuGraphHostNodeSetParams(hNode, &host);
    }
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return forward(admitted, api::spec::cuGraphEventWaitNodeSetEvent, hNode, p.eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return forward(admitted, api::spec::cuGraphEventRecordNodeSetEvent, hNode, p.eventRecord.event);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: {
      const CUDA_BATCH_MEM_OP_NODE_PARAMS memop = memop_of(p);
      return by_hand::cuGraphBatchMemOpNodeSetParams(hNode, &memop);
    }
    default: return refuse("cuGraphNodeSetParams of this node type");
  }
}

}  // namespace by_hand
}  // namespace vgpu::guest
