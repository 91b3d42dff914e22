// SPDX-License-Identifier: Apache-2.0
// What the calls of declarations.h do. Included by calls.cpp.
//
//   CALL(cudaX, cuX, a, b)     in a context: this driver call with these of its own parameters
//   AS(cudaX, cudaY, a, b)     as CUDA 13's call does with these
//   the others                 by hand: the family's .cpp

// Devices.
AS(cudaThreadExit, cudaDeviceReset)
AS(cudaThreadGetCacheConfig, cudaDeviceGetCacheConfig, config)
AS(cudaThreadGetLimit, cudaDeviceGetLimit, value, limit)
AS(cudaThreadSetCacheConfig, cudaDeviceSetCacheConfig, config)
AS(cudaThreadSetLimit, cudaDeviceSetLimit, limit, value)
AS(cudaThreadSynchronize, cudaDeviceSynchronize)

// Memory.
CALL(cudaMemAdvise, cuMemAdvise, address, count, advice, device)
AS(cudaMemAdvise_v2, cudaMemAdvise, address, count, advice, location)
CALL(cudaMemPrefetchAsync, cuMemPrefetchAsync, address, count, device, stream)
AS(cudaMemPrefetchAsync_v2, cudaMemPrefetchAsync, address, count, location, flags, stream)
CALL(cudaMemcpyBatchAsync, cuMemcpyBatchAsync, destinations, sources, sizes, count, attributes, first_copies, attribute_count, failed, stream)
CALL(cudaMemcpy3DBatchAsync, cuMemcpy3DBatchAsync, count, copies, failed, flags, stream)

// Streams.
AS(cudaEventElapsedTime_v2, cudaEventElapsedTime, milliseconds, start, end)
CALL(cudaStreamGetCaptureInfo, cuStreamGetCaptureInfo, stream, status, id)
CALL(cudaStreamGetCaptureInfo_v2, cuStreamGetCaptureInfo_v2, stream, status, id, graph, dependencies, count)
AS(cudaStreamGetCaptureInfo_v3, cudaStreamGetCaptureInfo, stream, status, id, graph, dependencies, edges, count)
CALL(cudaStreamUpdateCaptureDependencies, cuStreamUpdateCaptureDependencies, stream, dependencies, count, flags)
AS(cudaStreamUpdateCaptureDependencies_v2, cudaStreamUpdateCaptureDependencies, stream, dependencies, edges, count, flags)

// Graphs.
CALL(cudaGraphAddDependencies, cuGraphAddDependencies, graph, from, to, count)
AS(cudaGraphAddDependencies_v2, cudaGraphAddDependencies, graph, from, to, edges, count)
AS(cudaGraphAddNode, cudaGraphAddNode, node, graph, dependencies, nullptr, count, parameters)
AS(cudaGraphAddNode_v2, cudaGraphAddNode, node, graph, dependencies, edges, count, parameters)
CALL(cudaGraphGetEdges, cuGraphGetEdges, graph, from, to, count)
AS(cudaGraphGetEdges_v2, cudaGraphGetEdges, graph, from, to, edges, count)
CALL(cudaGraphNodeGetDependencies, cuGraphNodeGetDependencies, node, dependencies, count)
AS(cudaGraphNodeGetDependencies_v2, cudaGraphNodeGetDependencies, node, dependencies, edges, count)
CALL(cudaGraphNodeGetDependentNodes, cuGraphNodeGetDependentNodes, node, dependents, count)
AS(cudaGraphNodeGetDependentNodes_v2, cudaGraphNodeGetDependentNodes, node, dependents, edges, count)
CALL(cudaGraphRemoveDependencies, cuGraphRemoveDependencies, graph, from, to, count)
AS(cudaGraphRemoveDependencies_v2, cudaGraphRemoveDependencies, graph, from, to, edges, count)

// From other APIs.
AS(cudaSignalExternalSemaphoresAsync_v2, cudaSignalExternalSemaphoresAsync, semaphores, values, count, stream)
AS(cudaWaitExternalSemaphoresAsync_v2, cudaWaitExternalSemaphoresAsync, semaphores, values, count, stream)
