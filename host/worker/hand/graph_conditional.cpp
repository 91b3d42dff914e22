// SPDX-License-Identifier: Apache-2.0
// Conditional nodes. Their handle goes to kernels and stays the driver's number; only numbers that the driver made are
// given back to it. The graphs of the branches belong to the node and die with it.
#include "host/worker/hand/graph_node.h"
#include "host/worker/hand/known_values.h"

namespace vgpu::host::hand {
namespace {

KnownValues& conditional_handles() {
  static KnownValues values;  // One session per process.
  return values;
}

}  // namespace

CUresult conditional_handle_create(Invocation& invocation) {
  RowCall row{api::spec::cuGraphConditionalHandleCreate, {}};
  if (const CUresult status = decode_row(invocation, row); status != CUDA_SUCCESS) return status;
  const CUresult status = call_row(invocation, row);
  const auto* made = row.argument<const CUgraphConditionalHandle*>(0);
  if (status == CUDA_SUCCESS && made != nullptr) conditional_handles().add(*made);
  return status;
}

// Place, u64 handle, u32 type, u32 branches, u64 context -> u64 node, a u64 graph for each branch.
CUresult add_conditional_node(Invocation& invocation) {
  NodePlace place;
  if (const CUresult status = read_place(invocation, place); status != CUDA_SUCCESS) return status;
  CUgraphNodeParams params = {};
  params.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  params.conditional.handle = invocation.request.get<uint64_t>();
  params.conditional.type = static_cast<CUgraphConditionalNodeType>(invocation.request.get<uint32_t>());
  params.conditional.size = invocation.request.get<uint32_t>();
  const auto wire_context = invocation.request.get<uint64_t>();
  if (!invocation.request.complete()) return invocation.bad_message();
  if (!conditional_handles().contains(params.conditional.handle)) return CUDA_ERROR_INVALID_VALUE;
  if (!invocation.real(Kind::context, wire_context, params.conditional.ctx)) return CUDA_ERROR_INVALID_CONTEXT;
  CUgraphNode node = nullptr;
  const CUresult status = VGPU_DRIVER(invocation.session.driver, cuGraphAddNode)(
      &node, place.graph, place.dependencies.data(), place.dependencies.size(), &params);
  if (status != CUDA_SUCCESS) return status;
  const uint64_t wire_node = invocation.add(Kind::graph_node, bits_of(node));
  invocation.reply.put(wire_node);
  for (unsigned i = 0; i < params.conditional.size; ++i)
    invocation.reply.put(
        invocation.session.handles.find_or_add(Kind::graph, bits_of(params.conditional.phGraph_out[i]), wire_node));
  return status;
}

}  // namespace vgpu::host::hand
