// SPDX-License-Identifier: Apache-2.0
// Structs that CUDA 12's runtime lays out otherwise than CUDA 13's, under names of our own. The names, types and order
// of the fields are those of NVIDIA's reference manual for the runtime API 12.4, and 12.9 has them, too;
// tests/runtime12 compares what both libraries write into them.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstddef>

namespace vgpu::runtime::twelve {

// cudaDeviceProp. Fields that CUDA 13 dropped stand among the others.
struct DeviceProperties {
  char name[256];
  cudaUUID_t uuid;
  char luid[8];
  unsigned luidDeviceNodeMask;
  size_t totalGlobalMem, sharedMemPerBlock;
  int regsPerBlock, warpSize;
  size_t memPitch;
  int maxThreadsPerBlock, maxThreadsDim[3], maxGridSize[3], clockRate;
  size_t totalConstMem;
  int major, minor;
  size_t textureAlignment, texturePitchAlignment;
  int deviceOverlap, multiProcessorCount, kernelExecTimeoutEnabled, integrated, canMapHostMemory, computeMode;
  int maxTexture1D, maxTexture1DMipmap, maxTexture1DLinear, maxTexture2D[2], maxTexture2DMipmap[2];
  int maxTexture2DLinear[3], maxTexture2DGather[2], maxTexture3D[3], maxTexture3DAlt[3], maxTextureCubemap;
  int maxTexture1DLayered[2], maxTexture2DLayered[3], maxTextureCubemapLayered[2];
  int maxSurface1D, maxSurface2D[2], maxSurface3D[3], maxSurface1DLayered[2], maxSurface2DLayered[3];
  int maxSurfaceCubemap, maxSurfaceCubemapLayered[2];
  size_t surfaceAlignment;
  int concurrentKernels, ECCEnabled, pciBusID, pciDeviceID, pciDomainID, tccDriver, asyncEngineCount;
  int unifiedAddressing, memoryClockRate, memoryBusWidth, l2CacheSize, persistingL2CacheMaxSize;
  int maxThreadsPerMultiProcessor, streamPrioritiesSupported, globalL1CacheSupported, localL1CacheSupported;
  size_t sharedMemPerMultiprocessor;
  int regsPerMultiprocessor, managedMemory, isMultiGpuBoard, multiGpuBoardGroupID, hostNativeAtomicSupported;
  int singleToDoublePrecisionPerfRatio, pageableMemoryAccess, concurrentManagedAccess, computePreemptionSupported;
  int canUseHostPointerForRegisteredMem, cooperativeLaunch, cooperativeMultiDeviceLaunch;
  size_t sharedMemPerBlockOptin;
  int pageableMemoryAccessUsesHostPageTables, directManagedMemAccessFromHost, maxBlocksPerMultiProcessor;
  int accessPolicyMaxWindowSize;
  size_t reservedSharedMemPerBlock;
  // What CUDA 11 had ends here: `cudaGetDeviceProperties`, which only programs of that time call by this name, writes
  // no further.
  int hostRegisterSupported, sparseCudaArraySupported, hostRegisterReadOnlySupported;
  int timelineSemaphoreInteropSupported, memoryPoolsSupported, gpuDirectRDMASupported;
  unsigned gpuDirectRDMAFlushWritesOptions;
  int gpuDirectRDMAWritesOrdering;
  unsigned memoryPoolSupportedHandleTypes;
  int deferredMappingCudaArraySupported, ipcEventSupported, clusterLaunch, unifiedFunctionPointers;
  int reserved[63];
};
static_assert(sizeof(DeviceProperties) == 1032);
struct DevicePropertiesV1 {
  std::byte bytes[offsetof(DeviceProperties, hostRegisterSupported)];
};

// cudaPointerAttributes.
struct PointerAttributes {
  cudaMemoryType type;
  int device;
  void* devicePointer;
  void* hostPointer;
};

// cudaResourceDesc.
struct ResourceDescriptor {
  cudaResourceType type;
  union {
    cudaArray_t array;
    cudaMipmappedArray_t mipmap;
    struct {
      void* address;
      cudaChannelFormatDesc format;
      size_t bytes;
    } linear;
    struct {
      void* address;
      cudaChannelFormatDesc format;
      size_t width, height, pitch;
    } pitched;
  };
};
static_assert(sizeof(ResourceDescriptor) == 64);

// cudaResourceViewDesc: the later one has room behind its fields.
struct ResourceView {
  cudaResourceViewFormat format;
  size_t width, height, depth;
  unsigned first_level, last_level, first_layer, last_layer;
};
static_assert(sizeof(ResourceView) == 48);
static_assert(offsetof(ResourceView, last_layer) == offsetof(cudaResourceViewDesc, lastLayer));

// cudaExternalMemoryHandleDesc, cudaExternalMemoryBufferDesc, cudaExternalSemaphoreHandleDesc: as before.
struct ExternalMemoryHandle {
  cudaExternalMemoryHandleType type;
  void* handle[2];
  unsigned long long size;
  unsigned flags;
};
static_assert(sizeof(ExternalMemoryHandle) == 40);
static_assert(offsetof(ExternalMemoryHandle, flags) == offsetof(cudaExternalMemoryHandleDesc, flags));

struct ExternalBuffer {
  unsigned long long offset, size;
  unsigned flags;
};
static_assert(sizeof(ExternalBuffer) == 24);
static_assert(offsetof(ExternalBuffer, flags) == offsetof(cudaExternalMemoryBufferDesc, flags));

struct ExternalSemaphoreHandle {
  cudaExternalSemaphoreHandleType type;
  void* handle[2];
  unsigned flags;
};
static_assert(sizeof(ExternalSemaphoreHandle) == 32);
static_assert(offsetof(ExternalSemaphoreHandle, flags) == offsetof(cudaExternalSemaphoreHandleDesc, flags));

// cudaExternalSemaphoreSignalParams_v1 and cudaExternalSemaphoreWaitParams_v1: without reserved words between.
struct SemaphoreSignalV1 {
  unsigned long long fence, nvsci, key;
  unsigned flags;
};
struct SemaphoreWaitV1 {
  unsigned long long fence, nvsci, key;
  unsigned timeout_ms, unused;
  unsigned flags;
};
static_assert(sizeof(SemaphoreSignalV1) == 32 && sizeof(SemaphoreWaitV1) == 40);

// cudaLaunchParams.
struct LaunchParameters {
  void* function;
  dim3 grid, block;
  void** arguments;
  size_t shared_bytes;
  cudaStream_t stream;
};
static_assert(sizeof(LaunchParameters) == 56);

}  // namespace vgpu::runtime::twelve
