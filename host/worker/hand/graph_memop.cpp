// SPDX-License-Identifier: Apache-2.0
// Graph nodes that run a batch of stream memory operations. Parameters: u64 context, u32 flags, u32 n, n operations.
#include "host/worker/hand/graph_node.h"

namespace vgpu::host::hand {
namespace {

struct MemopParams {
  CUDA_BATCH_MEM_OP_NODE_PARAMS params = {};
  std::vector<CUstreamBatchMemOpParams> operations;
};

CUresult read_params(Invocation& invocation, MemopParams& out) {
  const auto wire_context = invocation.request.get<uint64_t>();
  out.params.flags = invocation.request.get<uint32_t>();
  out.params.count = invocation.request.get<uint32_t>();
  if (invocation.request.failed() || out.params.count > invocation.request.left() / sizeof(CUstreamBatchMemOpParams))
    return invocation.bad_message();
  for (unsigned i = 0; i < out.params.count; ++i)
    out.operations.push_back(invocation.request.get<CUstreamBatchMemOpParams>());
  if (!invocation.request.complete()) return invocation.bad_message();
  if (!invocation.real(Kind::context, wire_context, out.params.ctx)) return CUDA_ERROR_INVALID_CONTEXT;
  out.params.paramArray = out.operations.data();
  return CUDA_SUCCESS;
}

}  // namespace

CUresult add_memop_node(Invocation& invocation) {
  NodePlace place;
  MemopParams memops;
  if (const CUresult status = read_place(invocation, place); status != CUDA_SUCCESS) return status;
  if (const CUresult status = read_params(invocation, memops); status != CUDA_SUCCESS) return status;
  CUgraphNode node = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphAddBatchMemOpNode)(
      &node, place.graph, place.dependencies.data(), place.dependencies.size(), &memops.params);
  return reply_node(invocation, status, node);
}

// cuGraphBatchMemOpNodeSetParams and cuGraphExecBatchMemOpNodeSetParams.
CUresult set_memop_node(Invocation& invocation) {
  NodeTarget target;
  MemopParams memops;
  if (const CUresult status = read_target(invocation, target); status != CUDA_SUCCESS) return status;
  if (const CUresult status = read_params(invocation, memops); status != CUDA_SUCCESS) return status;
  const Driver& driver = invocation.session.driver;
  return target.exec != nullptr
             ? VGPU_DRIVER(driver, cuGraphExecBatchMemOpNodeSetParams)(target.exec, target.node, &memops.params)
             : VGPU_DRIVER(driver, cuGraphBatchMemOpNodeSetParams)(target.node, &memops.params);
}

CUresult get_memop_node(Invocation& invocation) {
  NodeTarget target;
  if (const CUresult status = read_target(invocation, target); status != CUDA_SUCCESS) return status;
  if (!invocation.request.complete()) return invocation.bad_message();
  CUDA_BATCH_MEM_OP_NODE_PARAMS params = {};
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphBatchMemOpNodeGetParams)(target.node, &params);
  if (status != CUDA_SUCCESS) return status;
  invocation.reply.put(params.ctx == nullptr ? 0 : invocation.find_or_add(Kind::context, bits_of(params.ctx)));
  invocation.reply.put(static_cast<uint32_t>(params.flags));
  invocation.reply.put(static_cast<uint32_t>(params.count));
  invocation.reply.bytes(params.paramArray, params.count * sizeof(CUstreamBatchMemOpParams));
  return status;
}

}  // namespace vgpu::host::hand
