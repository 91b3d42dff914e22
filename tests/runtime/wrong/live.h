// SPDX-License-Identifier: Apache-2.0
// Objects that are alive, one more for each time that a call is passed one: many calls destroy theirs.
#pragma once

#include <cuda_runtime_api.h>

#include <type_traits>

namespace wrong_calls {

inline cudaGraph_t new_graph(cudaGraphNode_t* node) {
  cudaGraph_t graph = nullptr;
  (void)cudaGraphCreate(&graph, 0);
  (void)cudaGraphAddEmptyNode(node, graph, nullptr, 0);
  return graph;
}

// NULL for a kind of which none is made here.
template <class Handle>
Handle new_object() {
  Handle made = nullptr;
  cudaGraphNode_t node = nullptr;
  const cudaChannelFormatDesc format{32, 0, 0, 0, cudaChannelFormatKindFloat};
  if constexpr (std::is_same_v<Handle, cudaStream_t>) (void)cudaStreamCreate(&made);
  if constexpr (std::is_same_v<Handle, cudaEvent_t>) (void)cudaEventCreate(&made);
  if constexpr (std::is_same_v<Handle, cudaGraph_t>) made = new_graph(&node);
  if constexpr (std::is_same_v<Handle, cudaGraphNode_t>) (void)new_graph(&made);
  if constexpr (std::is_same_v<Handle, cudaGraphExec_t>) (void)cudaGraphInstantiate(&made, new_graph(&node), 0);
  if constexpr (std::is_same_v<Handle, cudaMemPool_t>) (void)cudaDeviceGetDefaultMemPool(&made, 0);
  if constexpr (std::is_same_v<Handle, cudaArray_t> || std::is_same_v<Handle, cudaArray_const_t>) {
    cudaArray_t array = nullptr;
    (void)cudaMallocArray(&array, &format, 8, 8, 0);
    made = array;
  }
  if constexpr (std::is_same_v<Handle, cudaMipmappedArray_t>)
    (void)cudaMallocMipmappedArray(&made, &format, cudaExtent{8, 8, 0}, 2, 0);
  (void)cudaGetLastError();
  return made;
}

}  // namespace wrong_calls
