// SPDX-License-Identifier: Apache-2.0
// cudaDeviceProp: each field is an attribute of the device, but for the names and sizes that the driver has calls for.
#include "libcuda/cudart/rows.h"

#include <cstddef>
#include <cstring>

namespace vgpu::runtime::calls {
namespace {

struct Field {
  size_t offset;
  int attribute;
  bool wide;  // A size_t; the others are int.
};

#define FIELD(field, attribute) \
  { offsetof(cudaDeviceProp, field), attribute, sizeof(cudaDeviceProp::field) == sizeof(size_t) }
#define ELEMENT(field, index, attribute) \
  { offsetof(cudaDeviceProp, field) + (index) * sizeof(int), attribute, false }

constexpr Field kFields[] = {
    FIELD(sharedMemPerBlock, cudaDevAttrMaxSharedMemoryPerBlock),
    FIELD(regsPerBlock, cudaDevAttrMaxRegistersPerBlock),
    FIELD(warpSize, cudaDevAttrWarpSize),
    FIELD(memPitch, cudaDevAttrMaxPitch),
    FIELD(maxThreadsPerBlock, cudaDevAttrMaxThreadsPerBlock),
    ELEMENT(maxThreadsDim, 0, cudaDevAttrMaxBlockDimX),
    ELEMENT(maxThreadsDim, 1, cudaDevAttrMaxBlockDimY),
    ELEMENT(maxThreadsDim, 2, cudaDevAttrMaxBlockDimZ),
    ELEMENT(maxGridSize, 0, cudaDevAttrMaxGridDimX),
    ELEMENT(maxGridSize, 1, cudaDevAttrMaxGridDimY),
    ELEMENT(maxGridSize, 2, cudaDevAttrMaxGridDimZ),
    FIELD(totalConstMem, cudaDevAttrTotalConstantMemory),
    FIELD(major, cudaDevAttrComputeCapabilityMajor),
    FIELD(minor, cudaDevAttrComputeCapabilityMinor),
    FIELD(textureAlignment, cudaDevAttrTextureAlignment),
    FIELD(texturePitchAlignment, cudaDevAttrTexturePitchAlignment),
    FIELD(multiProcessorCount, cudaDevAttrMultiProcessorCount),
    FIELD(integrated, cudaDevAttrIntegrated),
    FIELD(canMapHostMemory, cudaDevAttrCanMapHostMemory),
    FIELD(maxTexture1D, cudaDevAttrMaxTexture1DWidth),
    FIELD(maxTexture1DMipmap, cudaDevAttrMaxTexture1DMipmappedWidth),
    ELEMENT(maxTexture2D, 0, cudaDevAttrMaxTexture2DWidth),
    ELEMENT(maxTexture2D, 1, cudaDevAttrMaxTexture2DHeight),
    ELEMENT(maxTexture2DMipmap, 0, cudaDevAttrMaxTexture2DMipmappedWidth),
    ELEMENT(maxTexture2DMipmap, 1, cudaDevAttrMaxTexture2DMipmappedHeight),
    ELEMENT(maxTexture2DLinear, 0, cudaDevAttrMaxTexture2DLinearWidth),
    ELEMENT(maxTexture2DLinear, 1, cudaDevAttrMaxTexture2DLinearHeight),
    ELEMENT(maxTexture2DLinear, 2, cudaDevAttrMaxTexture2DLinearPitch),
    ELEMENT(maxTexture2DGather, 0, cudaDevAttrMaxTexture2DGatherWidth),
    ELEMENT(maxTexture2DGather, 1, cudaDevAttrMaxTexture2DGatherHeight),
    ELEMENT(maxTexture3D, 0, cudaDevAttrMaxTexture3DWidth),
    ELEMENT(maxTexture3D, 1, cudaDevAttrMaxTexture3DHeight),
    ELEMENT(maxTexture3D, 2, cudaDevAttrMaxTexture3DDepth),
    ELEMENT(maxTexture3DAlt, 0, cudaDevAttrMaxTexture3DWidthAlt),
    ELEMENT(maxTexture3DAlt, 1, cudaDevAttrMaxTexture3DHeightAlt),
    ELEMENT(maxTexture3DAlt, 2, cudaDevAttrMaxTexture3DDepthAlt),
    FIELD(maxTextureCubemap, cudaDevAttrMaxTextureCubemapWidth),
    ELEMENT(maxTexture1DLayered, 0, cudaDevAttrMaxTexture1DLayeredWidth),
    ELEMENT(maxTexture1DLayered, 1, cudaDevAttrMaxTexture1DLayeredLayers),
    ELEMENT(maxTexture2DLayered, 0, cudaDevAttrMaxTexture2DLayeredWidth),
    ELEMENT(maxTexture2DLayered, 1, cudaDevAttrMaxTexture2DLayeredHeight),
    ELEMENT(maxTexture2DLayered, 2, cudaDevAttrMaxTexture2DLayeredLayers),
    ELEMENT(maxTextureCubemapLayered, 0, cudaDevAttrMaxTextureCubemapLayeredWidth),
    ELEMENT(maxTextureCubemapLayered, 1, cudaDevAttrMaxTextureCubemapLayeredLayers),
    FIELD(maxSurface1D, cudaDevAttrMaxSurface1DWidth),
    ELEMENT(maxSurface2D, 0, cudaDevAttrMaxSurface2DWidth),
    ELEMENT(maxSurface2D, 1, cudaDevAttrMaxSurface2DHeight),
    ELEMENT(maxSurface3D, 0, cudaDevAttrMaxSurface3DWidth),
    ELEMENT(maxSurface3D, 1, cudaDevAttrMaxSurface3DHeight),
    ELEMENT(maxSurface3D, 2, cudaDevAttrMaxSurface3DDepth),
    ELEMENT(maxSurface1DLayered, 0, cudaDevAttrMaxSurface1DLayeredWidth),
    ELEMENT(maxSurface1DLayered, 1, cudaDevAttrMaxSurface1DLayeredLayers),
    ELEMENT(maxSurface2DLayered, 0, cudaDevAttrMaxSurface2DLayeredWidth),
    ELEMENT(maxSurface2DLayered, 1, cudaDevAttrMaxSurface2DLayeredHeight),
    ELEMENT(maxSurface2DLayered, 2, cudaDevAttrMaxSurface2DLayeredLayers),
    FIELD(maxSurfaceCubemap, cudaDevAttrMaxSurfaceCubemapWidth),
    ELEMENT(maxSurfaceCubemapLayered, 0, cudaDevAttrMaxSurfaceCubemapLayeredWidth),
    ELEMENT(maxSurfaceCubemapLayered, 1, cudaDevAttrMaxSurfaceCubemapLayeredLayers),
    FIELD(surfaceAlignment, cudaDevAttrSurfaceAlignment),
    FIELD(concurrentKernels, cudaDevAttrConcurrentKernels),
    FIELD(ECCEnabled, cudaDevAttrEccEnabled),
    FIELD(pciBusID, cudaDevAttrPciBusId),
    FIELD(pciDeviceID, cudaDevAttrPciDeviceId),
    FIELD(pciDomainID, cudaDevAttrPciDomainId),
    FIELD(tccDriver, cudaDevAttrTccDriver),
    FIELD(asyncEngineCount, cudaDevAttrAsyncEngineCount),
    FIELD(unifiedAddressing, cudaDevAttrUnifiedAddressing),
    FIELD(memoryBusWidth, cudaDevAttrGlobalMemoryBusWidth),
    FIELD(l2CacheSize, cudaDevAttrL2CacheSize),
    FIELD(persistingL2CacheMaxSize, cudaDevAttrMaxPersistingL2CacheSize),
    FIELD(maxThreadsPerMultiProcessor, cudaDevAttrMaxThreadsPerMultiProcessor),
    FIELD(streamPrioritiesSupported, cudaDevAttrStreamPrioritiesSupported),
    FIELD(globalL1CacheSupported, cudaDevAttrGlobalL1CacheSupported),
    FIELD(localL1CacheSupported, cudaDevAttrLocalL1CacheSupported),
    FIELD(sharedMemPerMultiprocessor, cudaDevAttrMaxSharedMemoryPerMultiprocessor),
    FIELD(regsPerMultiprocessor, cudaDevAttrMaxRegistersPerMultiprocessor),
    FIELD(managedMemory, cudaDevAttrManagedMemory),
    FIELD(isMultiGpuBoard, cudaDevAttrIsMultiGpuBoard),
    FIELD(multiGpuBoardGroupID, cudaDevAttrMultiGpuBoardGroupID),
    FIELD(hostNativeAtomicSupported, cudaDevAttrHostNativeAtomicSupported),
    FIELD(pageableMemoryAccess, cudaDevAttrPageableMemoryAccess),
    FIELD(concurrentManagedAccess, cudaDevAttrConcurrentManagedAccess),
    FIELD(computePreemptionSupported, cudaDevAttrComputePreemptionSupported),
    FIELD(canUseHostPointerForRegisteredMem, cudaDevAttrCanUseHostPointerForRegisteredMem),
    FIELD(cooperativeLaunch, cudaDevAttrCooperativeLaunch),
    FIELD(sharedMemPerBlockOptin, cudaDevAttrMaxSharedMemoryPerBlockOptin),
    FIELD(pageableMemoryAccessUsesHostPageTables, cudaDevAttrPageableMemoryAccessUsesHostPageTables),
    FIELD(directManagedMemAccessFromHost, cudaDevAttrDirectManagedMemAccessFromHost),
    FIELD(maxBlocksPerMultiProcessor, cudaDevAttrMaxBlocksPerMultiprocessor),
    FIELD(accessPolicyMaxWindowSize, cudaDevAttrMaxAccessPolicyWindowSize),
    FIELD(reservedSharedMemPerBlock, cudaDevAttrReservedSharedMemoryPerBlock),
    FIELD(hostRegisterSupported, cudaDevAttrHostRegisterSupported),
    FIELD(sparseCudaArraySupported, cudaDevAttrSparseCudaArraySupported),
    FIELD(hostRegisterReadOnlySupported, cudaDevAttrHostRegisterReadOnlySupported),
    FIELD(timelineSemaphoreInteropSupported, cudaDevAttrTimelineSemaphoreInteropSupported),
    FIELD(memoryPoolsSupported, cudaDevAttrMemoryPoolsSupported),
    FIELD(gpuDirectRDMASupported, cudaDevAttrGPUDirectRDMASupported),
    FIELD(gpuDirectRDMAFlushWritesOptions, cudaDevAttrGPUDirectRDMAFlushWritesOptions),
    FIELD(gpuDirectRDMAWritesOrdering, cudaDevAttrGPUDirectRDMAWritesOrdering),
    FIELD(memoryPoolSupportedHandleTypes, cudaDevAttrMemoryPoolSupportedHandleTypes),
    FIELD(deferredMappingCudaArraySupported, cudaDevAttrDeferredMappingCudaArraySupported),
    FIELD(ipcEventSupported, cudaDevAttrIpcEventSupport),
    FIELD(clusterLaunch, cudaDevAttrClusterLaunch),
    FIELD(unifiedFunctionPointers, CU_DEVICE_ATTRIBUTE_UNIFIED_FUNCTION_POINTERS),
    FIELD(deviceNumaConfig, cudaDevAttrNumaConfig),
    FIELD(deviceNumaId, cudaDevAttrNumaId),
    FIELD(mpsEnabled, cudaDevAttrMpsEnabled),
    FIELD(hostNumaId, cudaDevAttrHostNumaId),
    FIELD(gpuPciDeviceID, cudaDevAttrGpuPciDeviceId),
    FIELD(gpuPciSubsystemID, cudaDevAttrGpuPciSubsystemId),
    FIELD(hostNumaMultinodeIpcSupported, cudaDevAttrHostNumaMultinodeIpcSupported),
};

void store(cudaDeviceProp& properties, const Field& field, int value) {
  char* at = reinterpret_cast<char*>(&properties) + field.offset;
  const size_t wide = static_cast<size_t>(value);
  if (field.wide) std::memcpy(at, &wide, sizeof wide);
  else std::memcpy(at, &value, sizeof value);
}

}  // namespace

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (properties == nullptr) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(check_device(device));
  cudaDeviceProp result{};
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDeviceGetName)(result.name, static_cast<int>(sizeof result.name), device));
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDeviceTotalMem_v2)(&result.totalGlobalMem, device));
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuDeviceGetUuid_v2)(&result.uuid, device));
  for (const Field& field : kFields) {
    int value = 0;
    // A driver that does not know an attribute has not got what it stands for.
    if (VGPU_DRIVER(cuDeviceGetAttribute)(&value, field.attribute, device) == cudaSuccess) store(result, field, value);
  }
  *properties = result;
  return cudaSuccess;
}

// The device that shares most with what is asked for; the first of equals.
cudaError_t cudaChooseDevice(int* device, const cudaDeviceProp* wanted) {
  if (device == nullptr || wanted == nullptr) return cudaErrorInvalidValue;
  int count = 0;
  VGPU_RETURN_ERROR(calls::cudaGetDeviceCount(&count));
  int best_score = -1;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp properties;
    VGPU_RETURN_ERROR(calls::cudaGetDeviceProperties(&properties, i));
    const int capability = properties.major * 10 + properties.minor;
    int score = 0;
    if (wanted->major != 0 && capability >= wanted->major * 10 + wanted->minor) score += 4;
    if (wanted->totalGlobalMem != 0 && properties.totalGlobalMem >= wanted->totalGlobalMem) score += 2;
    if (wanted->multiProcessorCount != 0 && properties.multiProcessorCount >= wanted->multiProcessorCount) score += 1;
    if (score > best_score) {
      best_score = score;
      *device = i;
    }
  }
  return cudaSuccess;
}

}  // namespace vgpu::runtime::calls
