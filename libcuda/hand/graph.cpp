// SPDX-License-Identifier: Apache-2.0
// Graph nodes other than kernels whose parameters hold pointers, instantiation and update.
// CUDA driver API: Graph Management.
#include <algorithm>

#include "common/bits.h"
#include "libcuda/bulk/copy_box.h"
#include "libcuda/callbacks.h"
#include "libcuda/hand/graph_node.h"

namespace vgpu::guest {
namespace {

CUresult set_memcpy(uint16_t opcode, CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D* copy, CUcontext ctx) {
  VGPU_ADMIT(admitted);
  if (copy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  wire::CopyBox box = bulk::box_of(*copy);
  VGPU_CHECK(bulk::make_reachable(admitted, box));
  Remote remote(admitted, opcode);
  put_target(remote, exec, node);
  remote.writer().put(box);
  remote.writer().put(bits_of(ctx));
  return remote.call();
}

CUresult set_host(uint16_t opcode, CUgraphExec exec, CUgraphNode node, const CUDA_HOST_NODE_PARAMS* params) {
  VGPU_ADMIT(admitted);
  if (params == nullptr || params->fn == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(start_callback_thread(*admitted.process));
  Remote remote(admitted, opcode);
  put_target(remote, exec, node);
  remote.writer().put(wire::HostFunction{bits_of(params->fn), bits_of(params->userData)});
  return remote.call();
}

}  // namespace

namespace by_hand {

namespace op = api::opcode;

CUresult cuGraphAddMemcpyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                              size_t numDependencies, const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  VGPU_ADMIT(admitted);
  if (phGraphNode == nullptr || copyParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  wire::CopyBox box = bulk::box_of(*copyParams);
  VGPU_CHECK(bulk::make_reachable(admitted, box));
  Remote remote(admitted, op::cuGraphAddMemcpyNode);
  VGPU_CHECK(put_place(remote, hGraph, dependencies, numDependencies));
  remote.writer().put(box);
  remote.writer().put(bits_of(ctx));
  VGPU_CHECK(remote.call());
  return get_node(remote, phGraphNode);
}

CUresult cuGraphMemcpyNodeSetParams(CUgraphNode hNode, const CUDA_MEMCPY3D* nodeParams) {
  return set_memcpy(op::cuGraphMemcpyNodeSetParams, nullptr, hNode, nodeParams, nullptr);
}

CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_MEMCPY3D* copyParams,
                                        CUcontext ctx) {
  if (hGraphExec == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_memcpy(op::cuGraphExecMemcpyNodeSetParams, hGraphExec, hNode, copyParams, ctx);
}

CUresult cuGraphMemcpyNodeGetParams(CUgraphNode hNode, CUDA_MEMCPY3D* nodeParams) {
  VGPU_ADMIT(admitted);
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, op::cuGraphMemcpyNodeGetParams);
  put_target(remote, nullptr, hNode);
  VGPU_CHECK(remote.call());
  const auto box = remote.reader().get<wire::CopyBox>();
  if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  CUDA_MEMCPY3D c = {};
  c.srcXInBytes = box.source_x, c.srcY = box.source_y, c.srcZ = box.source_z, c.srcLOD = box.source_lod;
  c.srcMemoryType = static_cast<CUmemorytype>(box.source_type);
  c.srcHost = from_bits<const void*>(box.source_host), c.srcDevice = box.source_device;
  c.srcArray = from_bits<CUarray>(box.source_array);
  c.srcPitch = box.source_pitch, c.srcHeight = box.source_height;
  c.dstXInBytes = box.destination_x, c.dstY = box.destination_y, c.dstZ = box.destination_z;
  c.dstLOD = box.destination_lod, c.dstMemoryType = static_cast<CUmemorytype>(box.destination_type);
  c.dstHost = from_bits<void*>(box.destination_host), c.dstDevice = box.destination_device;
  c.dstArray = from_bits<CUarray>(box.destination_array);
  c.dstPitch = box.destination_pitch, c.dstHeight = box.destination_height;
  c.WidthInBytes = box.width, c.Height = box.height, c.Depth = box.depth;
  *nodeParams = c;
  return CUDA_SUCCESS;
}

CUresult cuGraphAddHostNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                            size_t numDependencies, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  VGPU_ADMIT(admitted);
  if (phGraphNode == nullptr || nodeParams == nullptr || nodeParams->fn == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(start_callback_thread(*admitted.process));
  Remote remote(admitted, op::cuGraphAddHostNode);
  VGPU_CHECK(put_place(remote, hGraph, dependencies, numDependencies));
  remote.writer().put(wire::HostFunction{bits_of(nodeParams->fn), bits_of(nodeParams->userData)});
  VGPU_CHECK(remote.call());
  return get_node(remote, phGraphNode);
}

CUresult cuGraphHostNodeSetParams(CUgraphNode hNode, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  return set_host(op::cuGraphHostNodeSetParams, nullptr, hNode, nodeParams);
}

CUresult cuGraphExecHostNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                      const CUDA_HOST_NODE_PARAMS* nodeParams) {
  if (hGraphExec == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_host(op::cuGraphExecHostNodeSetParams, hGraphExec, hNode, nodeParams);
}

CUresult cuGraphHostNodeGetParams(CUgraphNode hNode, CUDA_HOST_NODE_PARAMS* nodeParams) {
  VGPU_ADMIT(admitted);
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, op::cuGraphHostNodeGetParams);
  put_target(remote, nullptr, hNode);
  VGPU_CHECK(remote.call());
  const auto target = remote.reader().get<wire::HostFunction>();
  if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  *nodeParams = {from_bits<CUhostFn>(target.function), from_bits<void*>(target.user_data)};
  return CUDA_SUCCESS;
}

CUresult cuGraphAddMemAllocNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                size_t numDependencies, CUDA_MEM_ALLOC_NODE_PARAMS* nodeParams) {
  VGPU_ADMIT(admitted);
  if (phGraphNode == nullptr || nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, op::cuGraphAddMemAllocNode);
  VGPU_CHECK(put_place(remote, hGraph, dependencies, numDependencies));
  remote.writer().put(nodeParams->poolProps);
  remote.writer().put(static_cast<uint64_t>(nodeParams->bytesize));
  remote.writer().put(static_cast<uint64_t>(nodeParams->accessDescCount));
  for (size_t i = 0; i < nodeParams->accessDescCount; ++i) remote.writer().put(nodeParams->accessDescs[i]);
  VGPU_CHECK(remote.call());
  VGPU_CHECK(get_node(remote, phGraphNode));
  nodeParams->dptr = remote.reader().get<uint64_t>();
  return remote.reader().complete() ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

CUresult cuGraphMemAllocNodeGetParams(CUgraphNode hNode, CUDA_MEM_ALLOC_NODE_PARAMS* params_out) {
  VGPU_ADMIT(admitted);
  if (params_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, op::cuGraphMemAllocNodeGetParams);
  put_target(remote, nullptr, hNode);
  VGPU_CHECK(remote.call());
  *params_out = {};
  params_out->poolProps = remote.reader().get<CUmemPoolProps>();
  params_out->bytesize = remote.reader().get<uint64_t>();
  params_out->dptr = remote.reader().get<uint64_t>();
  return remote.reader().complete() ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

// The generic form: the type says which of the specific calls it is.
CUresult cuGraphAddNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                        size_t numDependencies, CUgraphNodeParams* nodeParams) {
  VGPU_ADMIT(admitted);
  if (phGraphNode == nullptr || nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNodeParams& p = *nodeParams;
  switch (p.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      CUDA_KERNEL_NODE_PARAMS kernel = {};
      static_assert(sizeof p.kernel >= sizeof kernel);
      std::memcpy(&kernel, &p.kernel, sizeof kernel);
      return by_hand::cuGraphAddKernelNode_v2(phGraphNode, hGraph, dependencies, numDependencies, &kernel);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return by_hand::cuGraphAddMemcpyNode(phGraphNode, hGraph, dependencies, numDependencies, &p.memcpy.copyParams,
                                           p.memcpy.copyCtx);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS_v1 memset = {p.memset.dst,         p.memset.pitch, p.memset.value,
                                                 p.memset.elementSize, p.memset.width, p.memset.height};
      return forward(admitted, api::spec::cuGraphAddMemsetNode, phGraphNode, hGraph, dependencies, numDependencies,
                     &memset, p.memset.ctx);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS host = {p.host.fn, p.host.userData};
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
      const CUDA_BATCH_MEM_OP_NODE_PARAMS memop = {p.memOp.ctx, p.memOp.count, p.memOp.paramArray, p.memOp.flags};
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
      CUDA_KERNEL_NODE_PARAMS kernel = {};
      std::memcpy(&kernel, &p.kernel, sizeof kernel);
      return by_hand::cuGraphExecKernelNodeSetParams_v2(hGraphExec, hNode, &kernel);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return by_hand::cuGraphExecMemcpyNodeSetParams(hGraphExec, hNode, &p.memcpy.copyParams, p.memcpy.copyCtx);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS_v1 memset = {p.memset.dst,         p.memset.pitch, p.memset.value,
                                                 p.memset.elementSize, p.memset.width, p.memset.height};
      return forward(admitted, api::spec::cuGraphExecMemsetNodeSetParams, hGraphExec, hNode, &memset, p.memset.ctx);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS host = {p.host.fn, p.host.userData};
      return by_hand::cuGraphExecHostNodeSetParams(hGraphExec, hNode, &host);
    }
    case CU_GRAPH_NODE_TYPE_GRAPH:
      return forward(admitted, api::spec::cuGraphExecChildGraphNodeSetParams, hGraphExec, hNode, p.graph.graph);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return forward(admitted, api::spec::cuGraphExecEventWaitNodeSetEvent, hGraphExec, hNode, p.eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return forward(admitted, api::spec::cuGraphExecEventRecordNodeSetEvent, hGraphExec, hNode, p.eventRecord.event);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: {
      const CUDA_BATCH_MEM_OP_NODE_PARAMS memop = {p.memOp.ctx, p.memOp.count, p.memOp.paramArray, p.memOp.flags};
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
      CUDA_KERNEL_NODE_PARAMS kernel = {};
      std::memcpy(&kernel, &p.kernel, sizeof kernel);
      return by_hand::cuGraphKernelNodeSetParams_v2(hNode, &kernel);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY: return by_hand::cuGraphMemcpyNodeSetParams(hNode, &p.memcpy.copyParams);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS_v1 memset = {p.memset.dst,         p.memset.pitch, p.memset.value,
                                                 p.memset.elementSize, p.memset.width, p.memset.height};
      return forward(admitted, api::spec::cuGraphMemsetNodeSetParams, hNode, &memset);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS host = {p.host.fn, p.host.userData};
      return by_hand::cuGraphHostNodeSetParams(hNode, &host);
    }
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return forward(admitted, api::spec::cuGraphEventWaitNodeSetEvent, hNode, p.eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return forward(admitted, api::spec::cuGraphEventRecordNodeSetEvent, hNode, p.eventRecord.event);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: {
      const CUDA_BATCH_MEM_OP_NODE_PARAMS memop = {p.memOp.ctx, p.memOp.count, p.memOp.paramArray, p.memOp.flags};
      return by_hand::cuGraphBatchMemOpNodeSetParams(hNode, &memop);
    }
    default: return refuse("cuGraphNodeSetParams of this node type");
  }
}

namespace {

// The worker answers with the outcome also when the update is refused.
CUresult update(CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo& info) {
  VGPU_ADMIT(admitted);
  Remote remote(admitted, op::cuGraphExecUpdate_v2);
  remote.writer().put(bits_of(exec));
  remote.writer().put(bits_of(graph));
  const CUresult status = remote.call();
  info = {};
  if (remote.reader().left() == 0) return status;
  info.result = static_cast<CUgraphExecUpdateResult>(remote.reader().get<uint32_t>());
  info.errorNode = from_bits<CUgraphNode>(remote.reader().get<uint64_t>());
  info.errorFromNode = from_bits<CUgraphNode>(remote.reader().get<uint64_t>());
  return status;
}

}  // namespace

CUresult cuGraphExecUpdate_v2(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphExecUpdateResultInfo* resultInfo) {
  if (resultInfo == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return update(hGraphExec, hGraph, *resultInfo);
}

CUresult cuGraphExecUpdate(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphNode* hErrorNode_out,
                           CUgraphExecUpdateResult* updateResult_out) {
  CUgraphExecUpdateResultInfo info = {};
  const CUresult status = update(hGraphExec, hGraph, info);
  if (hErrorNode_out != nullptr) *hErrorNode_out = info.errorNode;
  if (updateResult_out != nullptr) *updateResult_out = info.result;
  return status;
}

CUresult cuGraphInstantiateWithParams(CUgraphExec* phGraphExec, CUgraph hGraph,
                                      CUDA_GRAPH_INSTANTIATE_PARAMS* instantiateParams) {
  VGPU_ADMIT(admitted);
  if (phGraphExec == nullptr || instantiateParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  // A kernel that launches the graph would get our handle of it, which means nothing to the device.
  if ((instantiateParams->flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH) != 0) {
    instantiateParams->result_out = CUDA_GRAPH_INSTANTIATE_NODE_OPERATION_NOT_SUPPORTED;
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  Remote remote(admitted, op::cuGraphInstantiateWithParams);
  remote.writer().put(bits_of(hGraph));
  remote.writer().put(static_cast<uint64_t>(instantiateParams->flags));
  remote.writer().put(bits_of(instantiateParams->hUploadStream));
  const CUresult status = remote.may_block().call();
  if (remote.reader().left() == 0) return status;
  const auto exec = remote.reader().get<uint64_t>();
  instantiateParams->result_out = static_cast<CUgraphInstantiateResult>(remote.reader().get<uint32_t>());
  instantiateParams->hErrNode_out = from_bits<CUgraphNode>(remote.reader().get<uint64_t>());
  if (status != CUDA_SUCCESS) return status;
  admitted.process->handles().made(Kind::graph_exec, exec);
  *phGraphExec = from_bits<CUgraphExec>(exec);
  return CUDA_SUCCESS;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* phGraphExec, CUgraph hGraph, unsigned long long flags) {
  CUDA_GRAPH_INSTANTIATE_PARAMS params = {};
  params.flags = flags;
  return by_hand::cuGraphInstantiateWithParams(phGraphExec, hGraph, &params);
}

// The forms with a log: on failure the log stays empty and the node is what the newer call reports.
CUresult cuGraphInstantiate_v2(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode* phErrorNode, char* logBuffer,
                               size_t bufferSize) {
  CUDA_GRAPH_INSTANTIATE_PARAMS params = {};
  const CUresult status = by_hand::cuGraphInstantiateWithParams(phGraphExec, hGraph, &params);
  if (logBuffer != nullptr && bufferSize != 0) logBuffer[0] = '\0';
  if (phErrorNode != nullptr) *phErrorNode = params.hErrNode_out;
  return status;
}

CUresult cuGraphInstantiate(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode* phErrorNode, char* logBuffer,
                            size_t bufferSize) {
  return by_hand::cuGraphInstantiate_v2(phGraphExec, hGraph, phErrorNode, logBuffer, bufferSize);
}

CUresult cuUserObjectCreate(CUuserObject* object_out, void* ptr, CUhostFn destroy, unsigned int initialRefcount,
                            unsigned int flags) {
  VGPU_ADMIT(admitted);
  if (object_out == nullptr || destroy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(start_callback_thread(*admitted.process));
  Remote remote(admitted, op::cuUserObjectCreate);
  remote.writer().put(wire::HostFunction{bits_of(destroy), bits_of(ptr)});
  remote.writer().put(static_cast<uint32_t>(initialRefcount));
  remote.writer().put(static_cast<uint32_t>(flags));
  VGPU_CHECK(remote.call());
  *object_out = from_bits<CUuserObject>(remote.reader().get<uint64_t>());
  return remote.reader().complete() ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

}  // namespace by_hand
}  // namespace vgpu::guest
