// SPDX-License-Identifier: Apache-2.0
// Rows pass these structs on as they are. The compiler checks what it can see of it: their sizes, and where fields lie.
#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstddef>

#define SAME(runtime, driver) static_assert(sizeof(runtime) == sizeof(driver) && alignof(runtime) == alignof(driver))
#define SAME_FIELD(runtime, field, driver, driver_field) \
  static_assert(offsetof(runtime, field) == offsetof(driver, driver_field))

SAME(cudaArrayMemoryRequirements, CUDA_ARRAY_MEMORY_REQUIREMENTS);
SAME(cudaArraySparseProperties, CUDA_ARRAY_SPARSE_PROPERTIES);
SAME(cudaExternalMemoryBufferDesc, CUDA_EXTERNAL_MEMORY_BUFFER_DESC);
SAME(cudaExternalMemoryHandleDesc, CUDA_EXTERNAL_MEMORY_HANDLE_DESC);
SAME(cudaExternalSemaphoreHandleDesc, CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC);
SAME(cudaExternalSemaphoreSignalNodeParams, CUDA_EXT_SEM_SIGNAL_NODE_PARAMS);
SAME(cudaExternalSemaphoreSignalParams, CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS);
SAME(cudaExternalSemaphoreWaitNodeParams, CUDA_EXT_SEM_WAIT_NODE_PARAMS);
SAME(cudaExternalSemaphoreWaitParams, CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS);
SAME(cudaGraphEdgeData, CUgraphEdgeData);
SAME(cudaGraphExecUpdateResultInfo, CUgraphExecUpdateResultInfo);
SAME(cudaGraphInstantiateParams, CUDA_GRAPH_INSTANTIATE_PARAMS);
SAME(cudaHostNodeParams, CUDA_HOST_NODE_PARAMS_v1);
SAME(cudaIpcEventHandle_t, CUipcEventHandle);
SAME(cudaIpcMemHandle_t, CUipcMemHandle);
SAME(cudaLaunchAttribute, CUlaunchAttribute);
SAME(cudaLaunchAttributeValue, CUlaunchAttributeValue);
SAME(cudaMemAccessDesc, CUmemAccessDesc);
SAME(cudaMemAllocNodeParams, CUDA_MEM_ALLOC_NODE_PARAMS_v1);
SAME(cudaMemLocation, CUmemLocation);
SAME(cudaMemPoolProps, CUmemPoolProps);
SAME(cudaMemPoolPtrExportData, CUmemPoolPtrExportData);
SAME(cudaMemcpy3DBatchOp, CUDA_MEMCPY3D_BATCH_OP);
SAME(cudaMemcpyAttributes, CUmemcpyAttributes);
SAME(cudaMemsetParams, CUDA_MEMSET_NODE_PARAMS_v1);
SAME(cudaResourceViewDesc, CUDA_RESOURCE_VIEW_DESC);
SAME(cudaUUID_t, CUuuid);

SAME_FIELD(cudaGraphExecUpdateResultInfo, errorFromNode, CUgraphExecUpdateResultInfo, errorFromNode);
SAME_FIELD(cudaGraphInstantiateParams, uploadStream, CUDA_GRAPH_INSTANTIATE_PARAMS, hUploadStream);
SAME_FIELD(cudaLaunchAttribute, val, CUlaunchAttribute, value);
SAME_FIELD(cudaMemAllocNodeParams, dptr, CUDA_MEM_ALLOC_NODE_PARAMS_v1, dptr);
SAME_FIELD(cudaMemPoolProps, maxSize, CUmemPoolProps, maxSize);
SAME_FIELD(cudaMemcpy3DBatchOp, extent, CUDA_MEMCPY3D_BATCH_OP, extent);
SAME_FIELD(cudaMemsetParams, height, CUDA_MEMSET_NODE_PARAMS_v1, height);
SAME_FIELD(cudaResourceViewDesc, firstLayer, CUDA_RESOURCE_VIEW_DESC, firstLayer);
