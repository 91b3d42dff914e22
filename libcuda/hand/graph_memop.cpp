// SPDX-License-Identifier: Apache-2.0
// Graph nodes that run a batch of stream memory operations. CUDA driver API: Graph Management.
#include <map>
#include <mutex>

#include "libcuda/hand/graph_node.h"

namespace vgpu::guest {
namespace {

CUresult put_params(Remote& remote, const CUDA_BATCH_MEM_OP_NODE_PARAMS& params) {
  if (params.count != 0 && params.paramArray == nullptr) return CUDA_ERROR_INVALID_VALUE;
  remote.writer().put(bits_of(params.ctx));
  remote.writer().put(static_cast<uint32_t>(params.flags));
  remote.writer().put(static_cast<uint32_t>(params.count));
  remote.writer().bytes(params.paramArray, params.count * sizeof(CUstreamBatchMemOpParams));
  return CUDA_SUCCESS;
}

CUresult set_params(uint16_t opcode, CUgraphExec exec, CUgraphNode node, const CUDA_BATCH_MEM_OP_NODE_PARAMS* params) {
  VGPU_ADMIT(admitted);
  if (params == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, opcode);
  put_target(remote, exec, node);
  VGPU_CHECK(put_params(remote, *params));
  return remote.call();
}

// The operations that cuGraphBatchMemOpNodeGetParams hands out by pointer; they live as long as the process.
std::mutex operations_mutex;  // guards the map
std::map<CUgraphNode, std::vector<CUstreamBatchMemOpParams>>& operations_of_nodes() {
  static auto* map = new std::map<CUgraphNode, std::vector<CUstreamBatchMemOpParams>>;
  return *map;
}

}  // namespace

namespace by_hand {

namespace op = api::opcode;

CUresult cuGraphAddBatchMemOpNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                  size_t numDependencies, const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  VGPU_ADMIT(admitted);
  if (phGraphNode == nullptr || nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, op::cuGraphAddBatchMemOpNode);
  VGPU_CHECK(put_place(remote, hGraph, dependencies, numDependencies));
  VGPU_CHECK(put_params(remote, *nodeParams));
  VGPU_CHECK(remote.call());
  return get_node(remote, phGraphNode);
}

CUresult cuGraphBatchMemOpNodeSetParams(CUgraphNode hNode, const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  return set_params(op::cuGraphBatchMemOpNodeSetParams, nullptr, hNode, nodeParams);
}

CUresult cuGraphExecBatchMemOpNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                            const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  if (hGraphExec == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return set_params(op::cuGraphExecBatchMemOpNodeSetParams, hGraphExec, hNode, nodeParams);
}

CUresult cuGraphBatchMemOpNodeGetParams(CUgraphNode hNode, CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams_out) {
  VGPU_ADMIT(admitted);
  if (nodeParams_out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Remote remote(admitted, op::cuGraphBatchMemOpNodeGetParams);
  put_target(remote, nullptr, hNode);
  VGPU_CHECK(remote.call());
  codec::Reader& reader = remote.reader();
  CUDA_BATCH_MEM_OP_NODE_PARAMS params = {};
  params.ctx = from_bits<CUcontext>(reader.get<uint64_t>());
  params.flags = reader.get<uint32_t>();
  params.count = reader.get<uint32_t>();
  if (reader.failed() || params.count > reader.left() / sizeof(CUstreamBatchMemOpParams)) return CUDA_ERROR_UNKNOWN;
  const std::lock_guard lock(operations_mutex);
  std::vector<CUstreamBatchMemOpParams>& operations = operations_of_nodes()[hNode];
  operations.clear();
  for (unsigned i = 0; i < params.count; ++i) operations.push_back(reader.get<CUstreamBatchMemOpParams>());
  params.paramArray = operations.data();
  if (!reader.complete()) return CUDA_ERROR_UNKNOWN;
  *nodeParams_out = params;
  return CUDA_SUCCESS;
}

}  // namespace by_hand
}  // namespace vgpu::guest
