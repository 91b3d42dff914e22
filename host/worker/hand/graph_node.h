// SPDX-License-Identifier: Apache-2.0
// What the graph calls written by hand share: the beginning of their messages.
#pragma once

#include "common/bits.h"
#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {

struct NodePlace {
  CUgraph graph = nullptr;
  std::vector<CUgraphNode> dependencies;
};

inline CUresult read_place(Invocation& invocation, NodePlace& place) {
  const auto wire_graph = invocation.request.get<uint64_t>();
  const auto count = invocation.request.get<uint64_t>();
  if (invocation.request.failed() || count > invocation.request.left() / sizeof(uint64_t))
    return invocation.bad_message();
  if (wire_graph == 0 || !invocation.real(Kind::graph, wire_graph, place.graph)) return CUDA_ERROR_INVALID_VALUE;
  for (uint64_t i = 0; i < count; ++i) {
    CUgraphNode node = nullptr;
    if (!invocation.real(Kind::graph_node, invocation.request.get<uint64_t>(), node)) return CUDA_ERROR_INVALID_VALUE;
    place.dependencies.push_back(node);
  }
  return CUDA_SUCCESS;
}

// A node that is already there: u64 executable graph or 0, u64 node.
struct NodeTarget {
  CUgraphExec exec = nullptr;
  CUgraphNode node = nullptr;
};

inline CUresult read_target(Invocation& invocation, NodeTarget& target) {
  const auto wire_exec = invocation.request.get<uint64_t>();
  const auto wire_node = invocation.request.get<uint64_t>();
  if (invocation.request.failed()) return invocation.bad_message();
  if ((wire_exec != 0 && !invocation.real(Kind::graph_exec, wire_exec, target.exec)) || wire_node == 0 ||
      !invocation.real(Kind::graph_node, wire_node, target.node))
    return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

inline CUresult reply_node(Invocation& invocation, CUresult status, CUgraphNode node) {
  if (status == CUDA_SUCCESS) invocation.reply.put(invocation.add(Kind::graph_node, bits_of(node)));
  return status;
}

}  // namespace vgpu::host::hand
