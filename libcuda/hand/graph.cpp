// SPDX-License-Identifier: Apache-2.0
// Graph nodes other than kernels whose parameters hold pointers, instantiation and update. See graph_any_node.cpp for
// nodes of any type.
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
  admitted.process->graphs_allocate.store(true, std::memory_order_relaxed);
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
