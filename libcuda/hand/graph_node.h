// SPDX-License-Identifier: Apache-2.0
// What the hand-written graph calls share: the beginning of their messages.
#pragma once

#include "common/bits.h"
#include "libcuda/by_hand.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest {

// u64 graph, u64 n, n dependencies.
inline CUresult put_place(Remote& remote, CUgraph graph, const CUgraphNode* dependencies, size_t count) {
  if (graph == nullptr || (count != 0 && dependencies == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  remote.writer().put(bits_of(graph));
  remote.writer().put(static_cast<uint64_t>(count));
  for (size_t i = 0; i < count; ++i) remote.writer().put(bits_of(dependencies[i]));
  return CUDA_SUCCESS;
}

// u64 executable graph or 0, u64 node.
inline void put_target(Remote& remote, CUgraphExec exec, CUgraphNode node) {
  remote.writer().put(bits_of(exec));
  remote.writer().put(bits_of(node));
}

// The new node of an add call's answer.
inline CUresult get_node(Remote& remote, CUgraphNode* node) {
  *node = from_bits<CUgraphNode>(remote.reader().get<uint64_t>());
  return remote.reader().failed() ? CUDA_ERROR_UNKNOWN : CUDA_SUCCESS;
}

// A conditional node; on success `params` names the graphs of its branches.
CUresult add_conditional_node(const Admitted& admitted, CUgraphNode* node, CUgraph graph,
                              const CUgraphNode* dependencies, size_t count, CUDA_CONDITIONAL_NODE_PARAMS& params);

}  // namespace vgpu::guest
