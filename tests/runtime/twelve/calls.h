// SPDX-License-Identifier: Apache-2.0
// The calls of CUDA 12 that the toolkit's headers do not declare, or declare otherwise, for its tests: old_cudaX is the
// library's cudaX. `__real_` is the linker's word for a symbol that the shim takes the place of.
#pragma once

#include "libcuda/cudart12/declarations.h"

#define OLD_CALL_AT(name, symbol) extern decltype(vgpu::runtime::twelve::name) old_##name __asm__(symbol)
#define OLD_CALL(name) OLD_CALL_AT(name, #name)

namespace runtime_test {

OLD_CALL_AT(cudaGetDeviceProperties, "__real_cudaGetDeviceProperties");
OLD_CALL(cudaGetDeviceProperties_v2);
OLD_CALL(cudaChooseDevice);
OLD_CALL(cudaSetDoubleForDevice);
OLD_CALL(cudaSetDoubleForHost);
OLD_CALL(cudaThreadExit);
OLD_CALL(cudaThreadGetCacheConfig);
OLD_CALL(cudaThreadGetLimit);
OLD_CALL(cudaThreadSetCacheConfig);
OLD_CALL(cudaThreadSetLimit);
OLD_CALL(cudaThreadSynchronize);
OLD_CALL(cudaMemAdvise);
OLD_CALL(cudaMemAdvise_v2);
OLD_CALL(cudaMemPrefetchAsync);
OLD_CALL(cudaMemPrefetchAsync_v2);
OLD_CALL_AT(cudaPointerGetAttributes, "__real_cudaPointerGetAttributes");
OLD_CALL(cudaLaunchCooperativeKernelMultiDevice);
OLD_CALL(cudaStreamGetCaptureInfo);
OLD_CALL(cudaStreamGetCaptureInfo_v2);
OLD_CALL(cudaStreamGetCaptureInfo_v3);
OLD_CALL(cudaStreamUpdateCaptureDependencies);
OLD_CALL(cudaStreamUpdateCaptureDependencies_v2);
OLD_CALL(cudaGraphAddDependencies);
OLD_CALL(cudaGraphAddDependencies_v2);
OLD_CALL_AT(cudaGraphAddNode, "__real_cudaGraphAddNode");
OLD_CALL(cudaGraphAddNode_v2);
OLD_CALL(cudaGraphGetEdges);
OLD_CALL(cudaGraphGetEdges_v2);
OLD_CALL(cudaGraphNodeGetDependencies);
OLD_CALL(cudaGraphNodeGetDependencies_v2);
OLD_CALL(cudaGraphNodeGetDependentNodes);
OLD_CALL(cudaGraphNodeGetDependentNodes_v2);
OLD_CALL(cudaGraphRemoveDependencies);
OLD_CALL(cudaGraphRemoveDependencies_v2);
OLD_CALL(cudaCreateSurfaceObject);
OLD_CALL(cudaCreateTextureObject);
OLD_CALL(cudaGetSurfaceObjectResourceDesc);
OLD_CALL(cudaGetTextureObjectResourceDesc);
OLD_CALL(cudaGetTextureObjectResourceViewDesc);
OLD_CALL(cudaExternalMemoryGetMappedBuffer);
OLD_CALL(cudaImportExternalMemory);
OLD_CALL(cudaImportExternalSemaphore);
OLD_CALL(cudaSignalExternalSemaphoresAsync);
OLD_CALL(cudaSignalExternalSemaphoresAsync_v2);
OLD_CALL(cudaWaitExternalSemaphoresAsync);
OLD_CALL(cudaWaitExternalSemaphoresAsync_v2);
// Later than 12.4, with the tag [later]. The first two are wrapped by the shim.
extern cudaError_t old_cudaGetDriverEntryPointByVersion(
    const char* symbol, void** function, unsigned version, unsigned long long flags,
    cudaDriverEntryPointQueryResult* status) __asm__("__real_cudaGetDriverEntryPointByVersion");
extern cudaError_t old_cudaStreamGetDevice(cudaStream_t stream, int* device) __asm__("__real_cudaStreamGetDevice");
OLD_CALL(cudaEventElapsedTime_v2);
OLD_CALL(cudaMemcpyBatchAsync);
OLD_CALL(cudaMemcpy3DBatchAsync);

}  // namespace runtime_test
