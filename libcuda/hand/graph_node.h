// SPDX-License-Identifier: Apache-2.0
// What the hand-written graph calls share: the beginning of their messages.
#pragma once

#include <cstring>

#include "libcuda/by_hand.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest {

template <class T> uint64_t handle_bits(T handle) {
  uint64_t out = 0;
  static_assert(sizeof handle <= sizeof out);
  std::memcpy(&out, &handle, sizeof handle);
  return out;
}

template <class T> T handle_from(uint64_t bits) {
  T out = nullptr;
  std::memcpy(&out, &bits, sizeof out);
  return out;
}

// u64 graph, u64 n, n dependencies.
inline CUresult put_place(Remote& remote, CUgraph graph, const CUgraphNode* dependencies, size_t count) {
  if (graph == nullptr || (count != 0 && dependencies == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  remote.writer().put(handle_bits(graph));
  remote.writer().put(static_cast<uint64_t>(count));
  for (size_t i = 0; i < count; ++i) remote.writer().put(handle_bits(dependencies[i]));
  return CUDA_SUCCESS;
}

// u64 executable graph or 0, u64 node.
inline void put_target(Remote& remote, CUgraphExec exec, CUgraphNode node) {
  remote.writer().put(handle_bits(exec));
  remote.writer().put(handle_bits(node));
}

// The new node of an add call's answer.
inline CUresult get_node(Remote& remote, CUgraphNode* node) {
  *node = handle_from<CUgraphNode>(remote.reader().get<uint64_t>());
  return remote.reader().failed() ? CUDA_ERROR_UNKNOWN : CUDA_SUCCESS;
}

}  // namespace vgpu::guest
