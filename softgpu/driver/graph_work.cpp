// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/graph_work.h"

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/graph.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

NodeWork work_of(Ref<Operation> operation, Ref<Context> context = {}) {
  NodeWork work;
  work.type = operation->node_type();
  work.operation = std::move(operation);
  work.context = std::move(context);
  return work;
}

// The context argument of nodes: NULL is the current one.
CuResult<Ref<Context>> node_context(CUcontext handle) {
  if (handle == nullptr) return Ref<Context>(TRY(current_context()));
  TRY(current_process());
  Ref<Context> context = find<Context>(handle);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  VGPU_CHECK(context->check());
  return context;
}

}  // namespace

NodeWork::NodeWork() = default;
NodeWork::NodeWork(const NodeWork&) = default;
NodeWork::NodeWork(NodeWork&&) noexcept = default;
NodeWork& NodeWork::operator=(const NodeWork&) = default;
NodeWork& NodeWork::operator=(NodeWork&&) noexcept = default;
NodeWork::~NodeWork() = default;

CuResult<NodeWork> kernel_work(const CUDA_KERNEL_NODE_PARAMS_v3& parameters, LaunchAttributes attributes) {
  TRY(current_process());
  Ref<LibraryKernel> kernel;
  Ref<ContextFunction> function;
  if (parameters.func != nullptr) {
    function = TRY(find_function(parameters.func));
    // Not looked at, but told again: NVIDIA's runtime gives both, and knows its kernels by this one.
    if (CuResult<Ref<LibraryKernel>> named = find_kernel(parameters.kern)) kernel = std::move(*named);
  } else {
    kernel = TRY(find_kernel(parameters.kern));
    const Ref<Context> context = TRY(node_context(parameters.ctx));
    function = TRY(kernel->function_in(*context));
  }
  VGPU_CHECK(function->context().check());
  const LaunchShape shape{{parameters.gridDimX, parameters.gridDimY, parameters.gridDimZ},
                          {parameters.blockDimX, parameters.blockDimY, parameters.blockDimZ},
                          parameters.sharedMemBytes};
  Ref<Context> context(&function->context());
  Ref<KernelOperation> launch = TRY(KernelOperation::create(std::move(function), shape, std::move(attributes),
                                                            parameters.kernelParams, parameters.extra));
  NodeWork work = work_of(std::move(launch), std::move(context));
  work.kernel = std::move(kernel);
  return work;
}

CuResult<NodeWork> memcpy_work(const CUDA_MEMCPY3D& copy, CUcontext context) {
  Ref<Context> where = TRY(node_context(context));
  if (copy.WidthInBytes == 0 || copy.Height == 0 || copy.Depth == 0) return CUDA_ERROR_INVALID_VALUE;
  return work_of(TRY(MemcpyOperation::create(copy)), std::move(where));
}

CuResult<NodeWork> memset_work(const CUDA_MEMSET_NODE_PARAMS_v2& set) {
  Ref<Context> where = TRY(node_context(set.ctx));
  if (set.width == 0 || set.height == 0) return CUDA_ERROR_INVALID_VALUE;
  const CUDA_MEMSET_NODE_PARAMS_v1 plain{set.dst, set.pitch, set.value, set.elementSize, set.width, set.height};
  return work_of(TRY(MemsetOperation::create(plain)), std::move(where));
}

CuResult<NodeWork> host_work(const CUDA_HOST_NODE_PARAMS_v2& host) {
  TRY(current_process());
  if (host.fn == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return work_of(make_ref<HostOperation>(host.fn, host.userData));
}

CuResult<NodeWork> event_work(CUgraphNodeType type, CUevent event) {
  TRY(current_process());
  NodeWork work;
  work.type = type;
  work.event = find<Event>(event);
  if (!work.event) return CUDA_ERROR_INVALID_VALUE;
  return work;
}

CuResult<NodeWork> batch_work(const CUDA_BATCH_MEM_OP_NODE_PARAMS_v2& batch) {
  Ref<Context> where = TRY(node_context(batch.ctx));
  if (batch.count != 0 && batch.paramArray == nullptr) return CUDA_ERROR_INVALID_VALUE;
  NodeWork work = work_of(TRY(MemOpOperation::create(batch.paramArray, batch.count)), std::move(where));
  work.flags = batch.flags;
  return work;
}

CuResult<NodeWork> alloc_work(const CUDA_MEM_ALLOC_NODE_PARAMS_v2& allocation) {
  TRY(current_process());
  CUDA_MEM_ALLOC_NODE_PARAMS_v1 plain{};
  plain.poolProps = allocation.poolProps;
  plain.accessDescs = allocation.accessDescs;
  plain.accessDescCount = allocation.accessDescCount;
  plain.bytesize = allocation.bytesize;
  NodeWork work;
  work.type = CU_GRAPH_NODE_TYPE_MEM_ALLOC;
  work.allocation = TRY(GraphAllocation::create(plain));
  return work;
}

CuResult<NodeWork> free_work(CUdeviceptr address) {
  Process* const process = TRY(current_process());
  NodeWork work;
  work.type = CU_GRAPH_NODE_TYPE_MEM_FREE;
  work.freed = address;
  work.allocation = find_graph_allocation(address);
  if (work.allocation) return work;
  const std::optional<Region> region = process->memory().find(address);
  if (!region || region->begin != address || region->kind != RegionKind::pool) return CUDA_ERROR_INVALID_VALUE;
  work.operation = make_ref<MemFreeOperation>(address);
  return work;
}

CuResult<NodeWork> child_work(CUgraph child, CUgraphChildGraphNodeOwnership ownership) {
  const Ref<Graph> graph = TRY(find_graph(child));
  const GraphLock lock;
  if (graph->is_child || graph->is_capturing) return CUDA_ERROR_INVALID_VALUE;
  NodeWork work;
  work.type = CU_GRAPH_NODE_TYPE_GRAPH;
  work.ownership = ownership;
  if (ownership == CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE) {
    work.inner = {graph};
  } else if (ownership == CU_GRAPH_CHILD_GRAPH_OWNERSHIP_CLONE) {
    if (graph->has_memory_nodes() || graph->has_conditional_nodes()) return CUDA_ERROR_NOT_SUPPORTED;
    work.inner = {TRY(graph->clone(true, nullptr))};
  } else {
    return CUDA_ERROR_INVALID_VALUE;
  }
  work.inner.front()->is_child = true;
  return work;
}

NodeWork captured_work(Ref<Operation> operation, Context& context) {
  NodeWork work = work_of(std::move(operation), Ref<Context>(&context));
  if (work.type == CU_GRAPH_NODE_TYPE_MEM_FREE) {
    work.freed = static_cast<const MemFreeOperation&>(*work.operation.get()).address();
    work.allocation = find_graph_allocation(work.freed);
    if (work.allocation) work.operation = nullptr;
  }
  if (work.type == CU_GRAPH_NODE_TYPE_KERNEL) {
    const Ref<Callable>& named = work.launch().named();
    if (named && named->type() == Callable::Type::kernel)
      work.kernel = Ref<LibraryKernel>(static_cast<LibraryKernel*>(named.get()));
  }
  return work;
}

CUDA_KERNEL_NODE_PARAMS_v3 kernel_parameters(const NodeWork& work) {
  const KernelOperation& launch = work.launch();
  CUDA_KERNEL_NODE_PARAMS_v3 result{};
  result.func = handle_of<Callable>(*launch.function());
  result.gridDimX = launch.shape().grid.x;
  result.gridDimY = launch.shape().grid.y;
  result.gridDimZ = launch.shape().grid.z;
  result.blockDimX = launch.shape().block.x;
  result.blockDimY = launch.shape().block.y;
  result.blockDimZ = launch.shape().block.z;
  result.sharedMemBytes = launch.shape().shared_bytes;
  result.kernelParams = launch.kernel_params();
  if (work.kernel) result.kern = (CUkernel)handle_of<Callable>(*work.kernel);
  result.ctx = handle_of(launch.function()->context());
  return result;
}

CUDA_BATCH_MEM_OP_NODE_PARAMS_v2 batch_parameters(const NodeWork& work) {
  CUDA_BATCH_MEM_OP_NODE_PARAMS_v2 result{};
  const std::vector<CUstreamBatchMemOpParams>& operations = work.batch().operations();
  result.ctx = work.context ? handle_of(*work.context) : nullptr;
  result.count = static_cast<unsigned>(operations.size());
  result.paramArray = const_cast<CUstreamBatchMemOpParams*>(operations.data());
  result.flags = work.flags;
  return result;
}

namespace {

template <class From>
CUDA_KERNEL_NODE_PARAMS_v3 copy_common(const From& from) {
  CUDA_KERNEL_NODE_PARAMS_v3 to{};
  to.func = from.func;
  to.gridDimX = from.gridDimX;
  to.gridDimY = from.gridDimY;
  to.gridDimZ = from.gridDimZ;
  to.blockDimX = from.blockDimX;
  to.blockDimY = from.blockDimY;
  to.blockDimZ = from.blockDimZ;
  to.sharedMemBytes = from.sharedMemBytes;
  to.kernelParams = from.kernelParams;
  to.extra = from.extra;
  return to;
}

bool same_sides(const CUDA_MEMCPY3D_PEER& a, const CUDA_MEMCPY3D_PEER& b) {
  return a.srcMemoryType == b.srcMemoryType && a.dstMemoryType == b.dstMemoryType;
}

}  // namespace

CUDA_KERNEL_NODE_PARAMS_v3 widen(const CUDA_KERNEL_NODE_PARAMS_v1& parameters) { return copy_common(parameters); }

CUDA_KERNEL_NODE_PARAMS_v3 widen(const CUDA_KERNEL_NODE_PARAMS_v2& parameters) {
  CUDA_KERNEL_NODE_PARAMS_v3 to = copy_common(parameters);
  to.kern = parameters.kern;
  to.ctx = parameters.ctx;
  return to;
}

bool can_become(const NodeWork& before, const NodeWork& after) {
  if (before.type != after.type) return false;
  switch (before.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: return before.context == after.context;
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return before.context == after.context && same_sides(before.copy().parameters(), after.copy().parameters());
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      // Only sets of one row may change their extent.
      const CUDA_MEMSET_NODE_PARAMS_v1 &a = before.set().parameters(), &b = after.set().parameters();
      if (!(before.context == after.context)) return false;
      return (a.height == 1 && b.height == 1) || (a.height == b.height && a.width == b.width);
    }
    default: return true;
  }
}

}  // namespace vgpu::soft
