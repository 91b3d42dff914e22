// SPDX-License-Identifier: Apache-2.0
// Kernel nodes. Parameters travel packed by the function's layout, as with launches.
// CUDA driver API: Graph Management.
#include <map>
#include <mutex>

#include "common/bits.h"
#include "libcuda/function.h"
#include "libcuda/hand/graph_node.h"

namespace vgpu::guest {
namespace {

CUresult put_kernel(const Admitted& admitted, Remote& remote, const CUDA_KERNEL_NODE_PARAMS& params) {
  CUfunction handle = params.func;
  // SAFETY: a CUkernel is accepted wherever a CUfunction is (CUDA driver API, Library Management).
  if (handle == nullptr) handle = reinterpret_cast<CUfunction>(params.kern);
  // Facts use the thread's buffers, so they are fetched before the message is begun.
  Function* function = admitted.process->handles().function(bits_of(handle));
  if (function == nullptr || !function->known.load(std::memory_order_acquire)) return CUDA_ERROR_INVALID_HANDLE;
  wire::KernelNode node = {bits_of(params.func),
                           bits_of(params.kern),
                           {params.gridDimX, params.gridDimY, params.gridDimZ},
                           {params.blockDimX, params.blockDimY, params.blockDimZ},
                           params.sharedMemBytes,
                           0,
                           bits_of(params.ctx)};
  VGPU_CHECK(packed_size(*function, params.kernelParams, params.extra, node.parameter_bytes));
  remote.writer().put(node);
  return pack_parameters(*function, params.kernelParams, params.extra, node.parameter_bytes, remote.writer());
}

CUresult learn_function(const Admitted& admitted, const CUDA_KERNEL_NODE_PARAMS* params) {
  if (params == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUfunction handle = params->func;
  // SAFETY: as in put_kernel.
  if (handle == nullptr) handle = reinterpret_cast<CUfunction>(params->kern);
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Function* function = nullptr;
  return function_facts(admitted, handle, function);
}

CUresult set_kernel(uint16_t opcode, CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS* params) {
  VGPU_ADMIT(admitted);
  VGPU_CHECK(learn_function(admitted, params));
  Remote remote(admitted, opcode);
  put_target(remote, exec, node);
  VGPU_CHECK(put_kernel(admitted, remote, *params));
  return remote.call();
}

// What cuGraphKernelNodeGetParams hands out by pointer lives as long as the process knows the node.
struct NodeParams {
  std::vector<std::byte> packed;
  std::vector<void*> pointers;
};
std::mutex node_params_mutex;  // guards the map
std::map<CUgraphNode, NodeParams>& node_params() {
  static auto* map = new std::map<CUgraphNode, NodeParams>;
  return *map;
}

CUDA_KERNEL_NODE_PARAMS widened(const CUDA_KERNEL_NODE_PARAMS_v1& v1) {
  CUDA_KERNEL_NODE_PARAMS out = {};
  out.func = v1.func;
  out.gridDimX = v1.gridDimX, out.gridDimY = v1.gridDimY, out.gridDimZ = v1.gridDimZ;
  out.blockDimX = v1.blockDimX, out.blockDimY = v1.blockDimY, out.blockDimZ = v1.blockDimZ;
  out.sharedMemBytes = v1.sharedMemBytes, out.kernelParams = v1.kernelParams, out.extra = v1.extra;
  return out;
}

}  // namespace

namespace by_hand {

CUresult cuGraphAddKernelNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                 size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  VGPU_ADMIT(admitted);
  if (phGraphNode == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(learn_function(admitted, nodeParams));
  Remote remote(admitted, api::opcode::cuGraphAddKernelNode_v2);
  VGPU_CHECK(put_place(remote, hGraph, dependencies, numDependencies));
  VGPU_CHECK(put_kernel(admitted, remote, *nodeParams));
  VGPU_CHECK(remote.call());
  return get_node(remote, phGraphNode);
}

CUresult cuGraphAddKernelNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                              size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_KERNEL_NODE_PARAMS params = widened(*nodeParams);
  return by_hand::cuGraphAddKernelNode_v2(phGraphNode, hGraph, dependencies, numDependencies, &params);
}

CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return set_kernel(api::opcode::cuGraphKernelNodeSetParams_v2, nullptr, hNode, nodeParams);
}

CUresult cuGraphKernelNodeSetParams(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_KERNEL_NODE_PARAMS params = widened(*nodeParams);
  return by_hand::cuGraphKernelNodeSetParams_v2(hNode, &params);
}

CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec hGraphExec, CUgraphNode hNode,
                                           const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  if (hGraphExec == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_kernel(api::opcode::cuGraphExecKernelNodeSetParams_v2, hGraphExec, hNode, nodeParams);
}

CUresult cuGraphExecKernelNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                        const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_KERNEL_NODE_PARAMS params = widened(*nodeParams);
  return by_hand::cuGraphExecKernelNodeSetParams_v2(hGraphExec, hNode, &params);
}

CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  VGPU_ADMIT(admitted);
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, api::opcode::cuGraphKernelNodeGetParams_v2);
  put_target(remote, nullptr, hNode);
  VGPU_CHECK(remote.call());
  const auto node = remote.reader().get<wire::KernelNode>();
  const std::byte* bytes = remote.reader().take(node.parameter_bytes);
  if (!remote.reader().complete()) return CUDA_ERROR_UNKNOWN;
  std::vector<std::byte> packed(bytes, bytes + node.parameter_bytes);
  const auto handle = from_bits<CUfunction>(node.function != 0 ? node.function : node.kernel);
  Function* function = nullptr;
  VGPU_CHECK(function_facts(admitted, handle, function));

  const std::lock_guard lock(node_params_mutex);
  NodeParams& kept = node_params()[hNode];
  kept.packed = std::move(packed);
  kept.pointers.clear();
  for (const wire::ParameterFacts& parameter : function->parameters)
    if (parameter.offset + parameter.size <= kept.packed.size())
      kept.pointers.push_back(kept.packed.data() + parameter.offset);
  *nodeParams = {};
  nodeParams->func = from_bits<CUfunction>(node.function);
  nodeParams->kern = from_bits<CUkernel>(node.kernel);
  nodeParams->gridDimX = node.grid[0], nodeParams->gridDimY = node.grid[1], nodeParams->gridDimZ = node.grid[2];
  nodeParams->blockDimX = node.block[0], nodeParams->blockDimY = node.block[1], nodeParams->blockDimZ = node.block[2];
  nodeParams->sharedMemBytes = node.shared_bytes;
  nodeParams->kernelParams = kept.pointers.empty() ? nullptr : kept.pointers.data();
  nodeParams->ctx = from_bits<CUcontext>(node.context);
  return CUDA_SUCCESS;
}

CUresult cuGraphKernelNodeGetParams(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUDA_KERNEL_NODE_PARAMS p = {};
  VGPU_CHECK(by_hand::cuGraphKernelNodeGetParams_v2(hNode, &p));
  // SAFETY: as in put_kernel; the older struct has one field for both.
  const CUfunction function = p.func != nullptr ? p.func : reinterpret_cast<CUfunction>(p.kern);
  *nodeParams = {function,    p.gridDimX,  p.gridDimY,       p.gridDimZ,     p.blockDimX,
                 p.blockDimY, p.blockDimZ, p.sharedMemBytes, p.kernelParams, p.extra};
  return CUDA_SUCCESS;
}

}  // namespace by_hand
}  // namespace vgpu::guest
