// SPDX-License-Identifier: Apache-2.0
// Memory of graph allocation nodes: an address and its memory exist from the making of the node to the end of the last
// graph that has it. The nodes' running only changes whether the allocation counts as live. Any thread.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "softgpu/driver/cuda_api.h"

namespace vgpu::soft {

class Pool;

class GraphAllocation;
// Shared, because the table of addresses must be able to find one without keeping it.
using GraphAllocationRef = std::shared_ptr<GraphAllocation>;

class GraphAllocation {
 public:
  // INVALID_VALUE for properties that are not plain device memory of an existing device; OUT_OF_MEMORY.
  static CuResult<GraphAllocationRef> create(const CUDA_MEM_ALLOC_NODE_PARAMS& parameters);
  // Takes over memory that a captured cuMemAllocAsync got from its pool.
  static CuResult<GraphAllocationRef> adopt(Pool& pool, CUdeviceptr address, size_t bytes);
  ~GraphAllocation();

  const CUDA_MEM_ALLOC_NODE_PARAMS& parameters() const { return parameters_; }
  CUdeviceptr address() const { return parameters_.dptr; }
  size_t bytes() const { return parameters_.bytesize; }

  // Between a launch that allocates and the free of the memory.
  bool live() const { return live_.load(std::memory_order_acquire); }
  void set_live(bool live);
  // cuDeviceGraphMemTrim: what is not live no longer counts as mapped by a graph.
  static void trim(int device);

 private:
  explicit GraphAllocation(const CUDA_MEM_ALLOC_NODE_PARAMS& parameters);
  static GraphAllocationRef enter(const CUDA_MEM_ALLOC_NODE_PARAMS& parameters);
  void unmap();

  const CUDA_MEM_ALLOC_NODE_PARAMS parameters_;
  const int device_;
  std::atomic<bool> live_{false};
  // From the first launch to a trim or the end: what a free leaves with the graph. Guarded by the table's mutex.
  bool mapped_ = false;
};

// The allocation of a graph at this address, if there is one.
GraphAllocationRef find_graph_allocation(CUdeviceptr address);
// For cuMemFree and cuMemFreeAsync: nothing when the address is no graph's allocation. Otherwise the memory stays with
// the graph; SUCCESS when it was live, which it then no longer is, else INVALID_VALUE.
std::optional<CUresult> free_graph_allocation(CUdeviceptr address);

}  // namespace vgpu::soft
