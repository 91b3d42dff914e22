// SPDX-License-Identifier: Apache-2.0
// What a graph node does, and its making from the parameter structures of the CUDA API, which it checks as the calls
// do. A value; copies share the immutable operation. Any thread.
#pragma once

#include <memory>
#include <vector>

#include "softgpu/driver/conditional.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/graph_memory.h"
#include "softgpu/driver/launch.h"
#include "softgpu/driver/library.h"
#include "softgpu/driver/operations.h"

namespace vgpu::soft {

class Graph;

struct NodeWork {
  NodeWork();
  NodeWork(const NodeWork&);
  NodeWork(NodeWork&&) noexcept;
  NodeWork& operator=(const NodeWork&);
  NodeWork& operator=(NodeWork&&) noexcept;
  ~NodeWork();

  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  Ref<Operation> operation;       // KERNEL, MEMCPY, MEMSET, HOST, BATCH_MEM_OP, and a FREE of memory of no graph
  Ref<Context> context;           // where it runs; null: the context of the launch's stream
  Ref<LibraryKernel> kernel;      // KERNEL that was given as a CUkernel
  std::vector<Ref<Graph>> inner;  // GRAPH: one; CONDITIONAL: its bodies
  CUgraphChildGraphNodeOwnership ownership = CU_GRAPH_CHILD_GRAPH_OWNERSHIP_CLONE;
  Ref<Event> event;               // EVENT_RECORD, WAIT_EVENT
  GraphAllocationRef allocation;  // MEM_ALLOC; MEM_FREE of memory of a graph
  CUdeviceptr freed = 0;          // MEM_FREE
  unsigned flags = 0;             // BATCH_MEM_OP
  Ref<Condition> condition;       // CONDITIONAL
  CUgraphConditionalNodeType choice = CU_GRAPH_COND_TYPE_IF;
  std::shared_ptr<std::vector<CUgraph>> body_handles;  // told to the application, which keeps the pointer

  const KernelOperation& launch() const { return static_cast<const KernelOperation&>(*operation.get()); }
  const MemcpyOperation& copy() const { return static_cast<const MemcpyOperation&>(*operation.get()); }
  const MemsetOperation& set() const { return static_cast<const MemsetOperation&>(*operation.get()); }
  const HostOperation& host() const { return static_cast<const HostOperation&>(*operation.get()); }
  const MemOpOperation& batch() const { return static_cast<const MemOpOperation&>(*operation.get()); }
};

// `attributes` are those that a node which gets new parameters keeps.
CuResult<NodeWork> kernel_work(const CUDA_KERNEL_NODE_PARAMS_v3& parameters, LaunchAttributes attributes = {});
CuResult<NodeWork> memcpy_work(const CUDA_MEMCPY3D& copy, CUcontext context);
CuResult<NodeWork> memset_work(const CUDA_MEMSET_NODE_PARAMS_v2& set);
CuResult<NodeWork> host_work(const CUDA_HOST_NODE_PARAMS_v2& host);
CuResult<NodeWork> event_work(CUgraphNodeType type, CUevent event);
CuResult<NodeWork> batch_work(const CUDA_BATCH_MEM_OP_NODE_PARAMS_v2& batch);
CuResult<NodeWork> alloc_work(const CUDA_MEM_ALLOC_NODE_PARAMS_v2& allocation);
// Takes the graphs' lock: clones the child, or takes it over.
CuResult<NodeWork> child_work(CUgraph child, CUgraphChildGraphNodeOwnership ownership);
CuResult<NodeWork> free_work(CUdeviceptr address);
// Makes the bodies, empty. conditional.cpp.
CuResult<NodeWork> conditional_work(const CUDA_CONDITIONAL_NODE_PARAMS& parameters);
inline constexpr unsigned kMostBodies = 1024;
// Of a captured operation.
NodeWork captured_work(Ref<Operation> operation, Context& context);

// The parameter structures of existing work. Pointers in them point into the work and live as long as it.
CUDA_KERNEL_NODE_PARAMS_v3 kernel_parameters(const NodeWork& work);
CUDA_BATCH_MEM_OP_NODE_PARAMS_v2 batch_parameters(const NodeWork& work);

// The older structures of kernel parameters are the newest one's first members, or all of them.
CUDA_KERNEL_NODE_PARAMS_v3 widen(const CUDA_KERNEL_NODE_PARAMS_v1& parameters);
CUDA_KERNEL_NODE_PARAMS_v3 widen(const CUDA_KERNEL_NODE_PARAMS_v2& parameters);

// Whether an executable graph's node may change from one to the other (cuGraphExec*NodeSetParams, cuGraphExecUpdate).
bool can_become(const NodeWork& before, const NodeWork& after);

}  // namespace vgpu::soft
