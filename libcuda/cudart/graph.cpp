// SPDX-License-Identifier: Apache-2.0
// Graph nodes whose parameters the driver describes otherwise: kernels by handle, copies in bytes, and a context.
#include "libcuda/cudart/box.h"
#include "libcuda/cudart/registry.h"
#include "libcuda/cudart/rows.h"

namespace vgpu::runtime::calls {
namespace {

cudaError_t current_context(CUcontext* context) {
  VGPU_RETURN_ERROR(use_context());
  return VGPU_DRIVER(cuCtxGetCurrent)(context);
}

cudaError_t driver_kernel(const cudaKernelNodeParams& from, CUDA_KERNEL_NODE_PARAMS_v2* to) {
  CUkernel kernel = nullptr;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(find_kernel(from.func, &kernel));
  *to = {};
  to->kern = kernel;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuKernelGetFunction)(&to->func, kernel));
  to->gridDimX = from.gridDim.x;
  to->gridDimY = from.gridDim.y;
  to->gridDimZ = from.gridDim.z;
  to->blockDimX = from.blockDim.x;
  to->blockDimY = from.blockDim.y;
  to->blockDimZ = from.blockDim.z;
  to->sharedMemBytes = from.sharedMemBytes;
  to->kernelParams = from.kernelParams;
  to->extra = from.extra;
  return cudaSuccess;
}

// A copy of `count` bytes of a symbol, from `offset` on.
cudaError_t symbol_bytes(const void* symbol, size_t count, size_t offset, void** address) {
  CUdeviceptr device = 0;
  size_t size = 0;
  VGPU_RETURN_ERROR(find_variable(symbol, &device, &size));
  if (offset > size || count > size - offset) return cudaErrorInvalidValue;
  *address = reinterpret_cast<void*>(device + offset);
  return cudaSuccess;
}

// What the driver has in every node's parameters and the runtime has not.
cudaError_t driver_node(const cudaGraphNodeParams& from, CUgraphNodeParams* to) {
  static_assert(sizeof from == sizeof *to);
  CUcontext context = nullptr;
  VGPU_RETURN_ERROR(current_context(&context));
  std::memcpy(to, &from, sizeof *to);
  switch (from.type) {
    case cudaGraphNodeTypeKernel: {
      CUDA_KERNEL_NODE_PARAMS_v2 kernel;
      const auto& k = from.kernel;
      VGPU_RETURN_ERROR(
          driver_kernel({k.func, k.gridDim, k.blockDim, k.sharedMemBytes, k.kernelParams, k.extra}, &kernel));
      static_assert(sizeof kernel == sizeof to->kernel);
      std::memcpy(&to->kernel, &kernel, sizeof kernel);
      return cudaSuccess;
    }
    case cudaGraphNodeTypeMemcpy:
      to->memcpy = {};
      to->memcpy.copyCtx = context;
      return driver_copy(from.memcpy.copyParams, &to->memcpy.copyParams);
    case cudaGraphNodeTypeMemset: to->memset.ctx = context; return cudaSuccess;
    case cudaGraphNodeTypeConditional: to->conditional.ctx = context; return cudaSuccess;
    default: return cudaSuccess;  // One layout.
  }
}

}  // namespace

cudaError_t cudaGraphAddKernelNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                                   size_t count, const cudaKernelNodeParams* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUDA_KERNEL_NODE_PARAMS_v2 kernel;
  VGPU_RETURN_ERROR(driver_kernel(*parameters, &kernel));
  return VGPU_DRIVER(cuGraphAddKernelNode_v2)(node, graph, dependencies, count, &kernel);
}

cudaError_t cudaGraphKernelNodeSetParams(cudaGraphNode_t node, const cudaKernelNodeParams* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUDA_KERNEL_NODE_PARAMS_v2 kernel;
  VGPU_RETURN_ERROR(driver_kernel(*parameters, &kernel));
  return VGPU_DRIVER(cuGraphKernelNodeSetParams_v2)(node, &kernel);
}

cudaError_t cudaGraphExecKernelNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaKernelNodeParams* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUDA_KERNEL_NODE_PARAMS_v2 kernel;
  VGPU_RETURN_ERROR(driver_kernel(*parameters, &kernel));
  return VGPU_DRIVER(cuGraphExecKernelNodeSetParams_v2)(exec, node, &kernel);
}

cudaError_t cudaGraphKernelNodeGetParams(cudaGraphNode_t node, cudaKernelNodeParams* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  CUDA_KERNEL_NODE_PARAMS_v2 kernel{};
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuGraphKernelNodeGetParams_v2)(node, &kernel));
  const void* handle = kernel.kern != nullptr ? static_cast<const void*>(kernel.kern) : kernel.func;
  *parameters = {const_cast<void*>(host_function_of(handle)),
                 {kernel.gridDimX, kernel.gridDimY, kernel.gridDimZ},
                 {kernel.blockDimX, kernel.blockDimY, kernel.blockDimZ},
                 kernel.sharedMemBytes,
                 kernel.kernelParams,
                 kernel.extra};
  return cudaSuccess;
}

cudaError_t cudaGraphAddMemcpyNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                                   size_t count, const cudaMemcpy3DParms* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUcontext context = nullptr;
  CUDA_MEMCPY3D copy;
  VGPU_RETURN_ERROR(current_context(&context));
  VGPU_RETURN_ERROR(driver_copy(*parameters, &copy));
  return VGPU_DRIVER(cuGraphAddMemcpyNode)(node, graph, dependencies, count, &copy, context);
}

cudaError_t cudaGraphAddMemcpyNode1D(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                                     size_t dependency_count, void* dst, const void* src, size_t count,
                                     cudaMemcpyKind kind) {
  if (count == 0) return cudaErrorInvalidValue;
  const cudaMemcpy3DParms row = row_copy(dst, src, count, kind);
  return calls::cudaGraphAddMemcpyNode(node, graph, dependencies, dependency_count, &row);
}

cudaError_t cudaGraphAddMemcpyNodeToSymbol(cudaGraphNode_t* node, cudaGraph_t graph,
                                           const cudaGraphNode_t* dependencies, size_t dependency_count,
                                           const void* symbol, const void* src, size_t count, size_t offset,
                                           cudaMemcpyKind kind) {
  void* address = nullptr;
  VGPU_RETURN_ERROR(symbol_bytes(symbol, count, offset, &address));
  return calls::cudaGraphAddMemcpyNode1D(node, graph, dependencies, dependency_count, address, src, count, kind);
}

cudaError_t cudaGraphAddMemcpyNodeFromSymbol(cudaGraphNode_t* node, cudaGraph_t graph,
                                             const cudaGraphNode_t* dependencies, size_t dependency_count, void* dst,
                                             const void* symbol, size_t count, size_t offset, cudaMemcpyKind kind) {
  void* address = nullptr;
  VGPU_RETURN_ERROR(symbol_bytes(symbol, count, offset, &address));
  return calls::cudaGraphAddMemcpyNode1D(node, graph, dependencies, dependency_count, dst, address, count, kind);
}

cudaError_t cudaGraphMemcpyNodeGetParams(cudaGraphNode_t node, cudaMemcpy3DParms* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(use_context());
  CUDA_MEMCPY3D copy;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuGraphMemcpyNodeGetParams)(node, &copy));
  return runtime_copy(copy, parameters);
}

cudaError_t cudaGraphMemcpyNodeSetParams(cudaGraphNode_t node, const cudaMemcpy3DParms* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUDA_MEMCPY3D copy;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(driver_copy(*parameters, &copy));
  return VGPU_DRIVER(cuGraphMemcpyNodeSetParams)(node, &copy);
}

cudaError_t cudaGraphMemcpyNodeSetParams1D(cudaGraphNode_t node, void* dst, const void* src, size_t count,
                                           cudaMemcpyKind kind) {
  if (count == 0) return cudaErrorInvalidValue;
  const cudaMemcpy3DParms row = row_copy(dst, src, count, kind);
  return calls::cudaGraphMemcpyNodeSetParams(node, &row);
}

cudaError_t cudaGraphMemcpyNodeSetParamsToSymbol(cudaGraphNode_t node, const void* symbol, const void* src,
                                                 size_t count, size_t offset, cudaMemcpyKind kind) {
  void* address = nullptr;
  VGPU_RETURN_ERROR(symbol_bytes(symbol, count, offset, &address));
  return calls::cudaGraphMemcpyNodeSetParams1D(node, address, src, count, kind);
}

cudaError_t cudaGraphMemcpyNodeSetParamsFromSymbol(cudaGraphNode_t node, void* dst, const void* symbol, size_t count,
                                                   size_t offset, cudaMemcpyKind kind) {
  void* address = nullptr;
  VGPU_RETURN_ERROR(symbol_bytes(symbol, count, offset, &address));
  return calls::cudaGraphMemcpyNodeSetParams1D(node, dst, address, count, kind);
}

cudaError_t cudaGraphExecMemcpyNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaMemcpy3DParms* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUcontext context = nullptr;
  CUDA_MEMCPY3D copy;
  VGPU_RETURN_ERROR(current_context(&context));
  VGPU_RETURN_ERROR(driver_copy(*parameters, &copy));
  return VGPU_DRIVER(cuGraphExecMemcpyNodeSetParams)(exec, node, &copy, context);
}

cudaError_t cudaGraphExecMemcpyNodeSetParams1D(cudaGraphExec_t exec, cudaGraphNode_t node, void* dst, const void* src,
                                               size_t count, cudaMemcpyKind kind) {
  if (count == 0) return cudaErrorInvalidValue;
  const cudaMemcpy3DParms row = row_copy(dst, src, count, kind);
  return calls::cudaGraphExecMemcpyNodeSetParams(exec, node, &row);
}

cudaError_t cudaGraphExecMemcpyNodeSetParamsToSymbol(cudaGraphExec_t exec, cudaGraphNode_t node, const void* symbol,
                                                     const void* src, size_t count, size_t offset,
                                                     cudaMemcpyKind kind) {
  void* address = nullptr;
  VGPU_RETURN_ERROR(symbol_bytes(symbol, count, offset, &address));
  return calls::cudaGraphExecMemcpyNodeSetParams1D(exec, node, address, src, count, kind);
}

cudaError_t cudaGraphExecMemcpyNodeSetParamsFromSymbol(cudaGraphExec_t exec, cudaGraphNode_t node, void* dst,
                                                       const void* symbol, size_t count, size_t offset,
                                                       cudaMemcpyKind kind) {
  void* address = nullptr;
  VGPU_RETURN_ERROR(symbol_bytes(symbol, count, offset, &address));
  return calls::cudaGraphExecMemcpyNodeSetParams1D(exec, node, dst, address, count, kind);
}

cudaError_t cudaGraphAddMemsetNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                                   size_t count, const cudaMemsetParams* parameters) {
  CUcontext context = nullptr;
  VGPU_RETURN_ERROR(current_context(&context));
  return VGPU_DRIVER(cuGraphAddMemsetNode)(node, graph, dependencies, count, parameters, context);
}

cudaError_t cudaGraphExecMemsetNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node,
                                             const cudaMemsetParams* parameters) {
  CUcontext context = nullptr;
  VGPU_RETURN_ERROR(current_context(&context));
  return VGPU_DRIVER(cuGraphExecMemsetNodeSetParams)(exec, node, parameters, context);
}

cudaError_t cudaGraphAddMemAllocNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                                     size_t count, cudaMemAllocNodeParams* parameters) {
  static_assert(sizeof *parameters == sizeof(CUDA_MEM_ALLOC_NODE_PARAMS_v1));
  return in_context([](auto... a) { return VGPU_DRIVER(cuGraphAddMemAllocNode)(a...); }, node, graph, dependencies,
                    count, parameters);
}

cudaError_t cudaGraphMemAllocNodeGetParams(cudaGraphNode_t node, cudaMemAllocNodeParams* parameters) {
  return in_context([](auto... a) { return VGPU_DRIVER(cuGraphMemAllocNodeGetParams)(a...); }, node, parameters);
}

cudaError_t cudaGraphAddNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                             const cudaGraphEdgeData* edges, size_t count, cudaGraphNodeParams* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUgraphNodeParams driver_parameters;
  VGPU_RETURN_ERROR(driver_node(*parameters, &driver_parameters));
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuGraphAddNode_v2)(node, graph, dependencies, edges, count, &driver_parameters));
  if (parameters->type == cudaGraphNodeTypeMemAlloc)
    parameters->alloc.dptr = reinterpret_cast<void*>(driver_parameters.alloc.dptr);
  if (parameters->type == cudaGraphNodeTypeConditional)
    parameters->conditional.phGraph_out = driver_parameters.conditional.phGraph_out;
  return cudaSuccess;
}

cudaError_t cudaGraphNodeSetParams(cudaGraphNode_t node, cudaGraphNodeParams* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUgraphNodeParams driver_parameters;
  VGPU_RETURN_ERROR(driver_node(*parameters, &driver_parameters));
  return VGPU_DRIVER(cuGraphNodeSetParams)(node, &driver_parameters);
}

cudaError_t cudaGraphExecNodeSetParams(cudaGraphExec_t exec, cudaGraphNode_t node, cudaGraphNodeParams* parameters) {
  if (parameters == nullptr) return cudaErrorInvalidValue;
  CUgraphNodeParams driver_parameters;
  VGPU_RETURN_ERROR(driver_node(*parameters, &driver_parameters));
  return VGPU_DRIVER(cuGraphExecNodeSetParams)(exec, node, &driver_parameters);
}

cudaError_t cudaGraphConditionalHandleCreate(cudaGraphConditionalHandle* handle, cudaGraph_t graph, unsigned value,
                                             unsigned flags) {
  CUcontext context = nullptr;
  VGPU_RETURN_ERROR(current_context(&context));
  return VGPU_DRIVER(cuGraphConditionalHandleCreate)(handle, graph, context, value, flags);
}

cudaError_t cudaDeviceGraphMemTrim(int device) {
  VGPU_RETURN_ERROR(check_device(device));
  return VGPU_DRIVER(cuDeviceGraphMemTrim)(device);
}

cudaError_t cudaDeviceGetGraphMemAttribute(int device, cudaGraphMemAttributeType attribute, void* value) {
  VGPU_RETURN_ERROR(check_device(device));
  return VGPU_DRIVER(cuDeviceGetGraphMemAttribute)(device, attribute, value);
}

cudaError_t cudaDeviceSetGraphMemAttribute(int device, cudaGraphMemAttributeType attribute, void* value) {
  VGPU_RETURN_ERROR(check_device(device));
  return VGPU_DRIVER(cuDeviceSetGraphMemAttribute)(device, attribute, value);
}

}  // namespace vgpu::runtime::calls
