// SPDX-License-Identifier: Apache-2.0
// The operations of the driver's core, one concrete type per kind of graph node: a recorder that meets
// CU_GRAPH_NODE_TYPE_MEMCPY may static_cast to MemcpyOperation, and so on. Kernel launches and child graphs are
// defined with launches and graphs. create() validates as the API call does and returns that call's error; run() may
// still fail when memory went away in between.
#pragma once

#include <memory>
#include <vector>

#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/operation.h"
#include "softgpu/driver/stream.h"

namespace vgpu::soft {

class Pool;

// Any copy, as the most general description: 1D copies are 3D copies of one row. All memory types are accepted; an
// array must still be there when the copy runs.
class MemcpyOperation final : public Operation {
 public:
  static CuResult<Ref<MemcpyOperation>> create(const CUDA_MEMCPY3D_PEER& copy);
  static CuResult<Ref<MemcpyOperation>> create(const CUDA_MEMCPY3D& copy);
  // An address and what it may be: CU_MEMORYTYPE_HOST, _DEVICE or _UNIFIED; or an array's handle, and how many bytes
  // of its first row to leave out.
  struct Place {
    CUmemorytype type;
    uint64_t address;
    size_t offset = 0;
  };
  static CuResult<Ref<MemcpyOperation>> create_1d(Place destination, Place source, size_t bytes);

  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_MEMCPY; }
  CUresult run(Context& context) override;
  const CUDA_MEMCPY3D_PEER& parameters() const { return copy_; }
  // The same as the structure of graph memcpy nodes.
  CUDA_MEMCPY3D node_parameters() const;
  size_t bytes() const;
  // Whether a side is host memory that CUDA does not know.
  bool reads_pageable() const;
  bool writes_pageable() const;
  // Reads the source now, so that the caller may reuse pageable memory before the copy runs. Once, before it is
  // enqueued.
  void stage_source();

 private:
  explicit MemcpyOperation(const CUDA_MEMCPY3D_PEER& copy) : copy_(copy) {}
  CUDA_MEMCPY3D_PEER copy_;
  std::unique_ptr<std::byte[]> staged_;
};

// Enqueues a copy as the Async calls do: pageable sources are read, and pageable destinations written, before it
// returns (CUDA driver API, "API synchronization behavior").
CUresult enqueue_copy(Stream& stream, const Ref<MemcpyOperation>& copy);

class MemsetOperation final : public Operation {
 public:
  static CuResult<Ref<MemsetOperation>> create(const CUDA_MEMSET_NODE_PARAMS_v1& set);
  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_MEMSET; }
  CUresult run(Context& context) override;
  const CUDA_MEMSET_NODE_PARAMS_v1& parameters() const { return set_; }

 private:
  explicit MemsetOperation(const CUDA_MEMSET_NODE_PARAMS_v1& set) : set_(set) {}
  CUDA_MEMSET_NODE_PARAMS_v1 set_;
};

// cuLaunchHostFunc. The function runs with HostFunctionScope.
class HostOperation final : public Operation {
 public:
  HostOperation(CUhostFn function, void* data) : parameters_{function, data} {}
  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_HOST; }
  CUresult run(Context& context) override;
  const CUDA_HOST_NODE_PARAMS_v1& parameters() const { return parameters_; }

 private:
  CUDA_HOST_NODE_PARAMS_v1 parameters_;
};

// Stream memory operations (cuStreamWriteValue, cuStreamWaitValue, cuStreamBatchMemOp).
class MemOpOperation final : public Operation {
 public:
  static CuResult<Ref<MemOpOperation>> create(const CUstreamBatchMemOpParams* operations, unsigned count);
  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_BATCH_MEM_OP; }
  CUresult run(Context& context) override;
  const std::vector<CUstreamBatchMemOpParams>& operations() const { return operations_; }

 private:
  std::vector<CUstreamBatchMemOpParams> operations_;
};

// A stream-ordered allocation as a stream does it: the address is taken at the call (it is usable by later work of
// the stream), so running it does nothing. The recorder makes an allocation node of it from the parameters.
class MemAllocOperation final : public Operation {
 public:
  static CuResult<Ref<MemAllocOperation>> create(Ref<Pool> pool, size_t bytes);
  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_MEM_ALLOC; }
  CUresult run(Context&) override { return CUDA_SUCCESS; }
  CUdeviceptr address() const { return address_; }
  size_t bytes() const { return bytes_; }
  const Ref<Pool>& pool() const { return pool_; }

 private:
  MemAllocOperation(Ref<Pool> pool, CUdeviceptr address, size_t bytes);
  const Ref<Pool> pool_;
  const CUdeviceptr address_;
  const size_t bytes_;
};

// cuMemFreeAsync: the memory goes back to its pool when the stream gets there (free_device_memory of pool.h).
class MemFreeOperation final : public Operation {
 public:
  explicit MemFreeOperation(CUdeviceptr address) : address_(address) {}
  CUgraphNodeType node_type() const override { return CU_GRAPH_NODE_TYPE_MEM_FREE; }
  CUresult run(Context& context) override;
  CUdeviceptr address() const { return address_; }

 private:
  const CUdeviceptr address_;
};

}  // namespace vgpu::soft
