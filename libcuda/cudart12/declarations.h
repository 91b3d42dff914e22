// SPDX-License-Identifier: Apache-2.0
// The calls of CUDA 12's runtime that CUDA 13 has not, or declares otherwise: their parameters as NVIDIA's reference
// manuals of the runtime API 12.4 to 12.9 document them. cudartgen reads this file; everything else comes from the
// toolkit's headers. Programs for CUDA 12 mostly call the `_v2` symbols, to which their headers map the plain names.
#pragma once

#include "libcuda/cudart12/layouts.h"

namespace vgpu::runtime::twelve {

// Devices.
cudaError_t cudaChooseDevice(int* device, const DeviceProperties* wanted);
cudaError_t cudaGetDeviceProperties(DevicePropertiesV1* properties, int device);
cudaError_t cudaGetDeviceProperties_v2(DeviceProperties* properties, int device);
cudaError_t cudaSetDoubleForDevice(double* value);
cudaError_t cudaSetDoubleForHost(double* value);
cudaError_t cudaThreadExit();
cudaError_t cudaThreadGetCacheConfig(cudaFuncCache* config);
cudaError_t cudaThreadGetLimit(size_t* value, cudaLimit limit);
cudaError_t cudaThreadSetCacheConfig(cudaFuncCache config);
cudaError_t cudaThreadSetLimit(cudaLimit limit, size_t value);
cudaError_t cudaThreadSynchronize();

// Memory.
cudaError_t cudaMemAdvise(const void* address, size_t count, cudaMemoryAdvise advice, int device);
cudaError_t cudaMemAdvise_v2(const void* address, size_t count, cudaMemoryAdvise advice, cudaMemLocation location);
cudaError_t cudaMemPrefetchAsync(const void* address, size_t count, int device, cudaStream_t stream);
cudaError_t cudaMemPrefetchAsync_v2(const void* address, size_t count, cudaMemLocation location, unsigned flags,
                                    cudaStream_t stream);
cudaError_t cudaMemcpyBatchAsync(void** destinations, void** sources, size_t* sizes, size_t count,
                                 cudaMemcpyAttributes* attributes, size_t* first_copies, size_t attribute_count,
                                 size_t* failed, cudaStream_t stream);
cudaError_t cudaMemcpy3DBatchAsync(size_t count, cudaMemcpy3DBatchOp* copies, size_t* failed, unsigned long long flags,
                                   cudaStream_t stream);
cudaError_t cudaPointerGetAttributes(PointerAttributes* attributes, const void* pointer);

// Streams and launches.
cudaError_t cudaEventElapsedTime_v2(float* milliseconds, cudaEvent_t start, cudaEvent_t end);
cudaError_t cudaLaunchCooperativeKernelMultiDevice(LaunchParameters* launches, unsigned count, unsigned flags);
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id);
cudaError_t cudaStreamGetCaptureInfo_v2(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                                        cudaGraph_t* graph, const cudaGraphNode_t** dependencies, size_t* count);
cudaError_t cudaStreamGetCaptureInfo_v3(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id,
                                        cudaGraph_t* graph, const cudaGraphNode_t** dependencies,
                                        const cudaGraphEdgeData** edges, size_t* count);
cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream, cudaGraphNode_t* dependencies, size_t count,
                                                unsigned flags);
cudaError_t cudaStreamUpdateCaptureDependencies_v2(cudaStream_t stream, cudaGraphNode_t* dependencies,
                                                   const cudaGraphEdgeData* edges, size_t count, unsigned flags);

// Graphs: without the edges' data, and with it.
cudaError_t cudaGraphAddDependencies(cudaGraph_t graph, const cudaGraphNode_t* from, const cudaGraphNode_t* to,
                                     size_t count);
cudaError_t cudaGraphAddDependencies_v2(cudaGraph_t graph, const cudaGraphNode_t* from, const cudaGraphNode_t* to,
                                        const cudaGraphEdgeData* edges, size_t count);
cudaError_t cudaGraphAddNode(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                             size_t count, cudaGraphNodeParams* parameters);
cudaError_t cudaGraphAddNode_v2(cudaGraphNode_t* node, cudaGraph_t graph, const cudaGraphNode_t* dependencies,
                                const cudaGraphEdgeData* edges, size_t count, cudaGraphNodeParams* parameters);
cudaError_t cudaGraphGetEdges(cudaGraph_t graph, cudaGraphNode_t* from, cudaGraphNode_t* to, size_t* count);
cudaError_t cudaGraphGetEdges_v2(cudaGraph_t graph, cudaGraphNode_t* from, cudaGraphNode_t* to,
                                 cudaGraphEdgeData* edges, size_t* count);
cudaError_t cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t* dependencies, size_t* count);
cudaError_t cudaGraphNodeGetDependencies_v2(cudaGraphNode_t node, cudaGraphNode_t* dependencies,
                                            cudaGraphEdgeData* edges, size_t* count);
cudaError_t cudaGraphNodeGetDependentNodes(cudaGraphNode_t node, cudaGraphNode_t* dependents, size_t* count);
cudaError_t cudaGraphNodeGetDependentNodes_v2(cudaGraphNode_t node, cudaGraphNode_t* dependents,
                                              cudaGraphEdgeData* edges, size_t* count);
cudaError_t cudaGraphRemoveDependencies(cudaGraph_t graph, const cudaGraphNode_t* from, const cudaGraphNode_t* to,
                                        size_t count);
cudaError_t cudaGraphRemoveDependencies_v2(cudaGraph_t graph, const cudaGraphNode_t* from, const cudaGraphNode_t* to,
                                           const cudaGraphEdgeData* edges, size_t count);

// Textures, surfaces, and what comes from other APIs.
cudaError_t cudaCreateSurfaceObject(cudaSurfaceObject_t* object, const ResourceDescriptor* resource);
cudaError_t cudaCreateTextureObject(cudaTextureObject_t* object, const ResourceDescriptor* resource,
                                    const cudaTextureDesc* texture, const ResourceView* view);
cudaError_t cudaGetSurfaceObjectResourceDesc(ResourceDescriptor* resource, cudaSurfaceObject_t object);
cudaError_t cudaGetTextureObjectResourceDesc(ResourceDescriptor* resource, cudaTextureObject_t object);
cudaError_t cudaGetTextureObjectResourceViewDesc(ResourceView* view, cudaTextureObject_t object);
cudaError_t cudaExternalMemoryGetMappedBuffer(void** address, cudaExternalMemory_t memory,
                                              const ExternalBuffer* buffer);
cudaError_t cudaImportExternalMemory(cudaExternalMemory_t* memory, const ExternalMemoryHandle* handle);
cudaError_t cudaImportExternalSemaphore(cudaExternalSemaphore_t* semaphore, const ExternalSemaphoreHandle* handle);
cudaError_t cudaSignalExternalSemaphoresAsync(const cudaExternalSemaphore_t* semaphores,
                                              const SemaphoreSignalV1* values, unsigned count, cudaStream_t stream);
cudaError_t cudaSignalExternalSemaphoresAsync_v2(const cudaExternalSemaphore_t* semaphores,
                                                 const cudaExternalSemaphoreSignalParams* values, unsigned count,
                                                 cudaStream_t stream);
cudaError_t cudaWaitExternalSemaphoresAsync(const cudaExternalSemaphore_t* semaphores, const SemaphoreWaitV1* values,
                                            unsigned count, cudaStream_t stream);
cudaError_t cudaWaitExternalSemaphoresAsync_v2(const cudaExternalSemaphore_t* semaphores,
                                               const cudaExternalSemaphoreWaitParams* values, unsigned count,
                                               cudaStream_t stream);

}  // namespace vgpu::runtime::twelve
