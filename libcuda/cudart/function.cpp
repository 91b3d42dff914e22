// SPDX-License-Identifier: Apache-2.0
// Kernels and device variables: what is known of them, and how many blocks of them fit.
#include "libcuda/cudart/launch_config.h"
#include "libcuda/cudart/registry.h"
#include "libcuda/cudart/rows.h"

#include <memory>

namespace vgpu::runtime {
namespace {

cudaError_t find_function(const void* symbol, CUfunction* function) {
  CUkernel kernel = nullptr;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(find_kernel(symbol, &kernel));
  return VGPU_DRIVER(cuKernelGetFunction)(function, kernel);
}

template <class Field>
cudaError_t read_attribute(CUfunction function, CUfunction_attribute attribute, Field* field) {
  int value = 0;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuFuncGetAttribute)(&value, attribute, function));
  *field = static_cast<Field>(value);
  return cudaSuccess;
}

struct IntAttribute {
  int cudaFuncAttributes::*field;
  CUfunction_attribute attribute;
};

constexpr IntAttribute kIntAttributes[] = {
    {&cudaFuncAttributes::maxThreadsPerBlock, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK},
    {&cudaFuncAttributes::numRegs, CU_FUNC_ATTRIBUTE_NUM_REGS},
    {&cudaFuncAttributes::ptxVersion, CU_FUNC_ATTRIBUTE_PTX_VERSION},
    {&cudaFuncAttributes::binaryVersion, CU_FUNC_ATTRIBUTE_BINARY_VERSION},
    {&cudaFuncAttributes::cacheModeCA, CU_FUNC_ATTRIBUTE_CACHE_MODE_CA},
    {&cudaFuncAttributes::maxDynamicSharedSizeBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES},
    {&cudaFuncAttributes::preferredShmemCarveout, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT},
    {&cudaFuncAttributes::clusterDimMustBeSet, CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET},
    {&cudaFuncAttributes::requiredClusterWidth, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH},
    {&cudaFuncAttributes::requiredClusterHeight, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT},
    {&cudaFuncAttributes::requiredClusterDepth, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH},
    {&cudaFuncAttributes::clusterSchedulingPolicyPreference, CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE},
    {&cudaFuncAttributes::nonPortableClusterSizeAllowed, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED},
};

// A wrong argument beside the kernel: worse than a handle that is none, but not than no kernel at all.
cudaError_t unless_wrong(bool wrong, cudaError_t found) {
  return wrong && found != cudaErrorInvalidDeviceFunction ? cudaErrorInvalidValue : found;
}

// What turns the program's own kernels into handles does not take its argument for one.
cudaError_t only_registered(cudaError_t found) {
  return found == cudaErrorInvalidResourceHandle ? cudaErrorInvalidDeviceFunction : found;
}

// The other attributes are what the compiler made of the code.
bool may_be_set(cudaFuncAttribute attribute) {
  return attribute >= cudaFuncAttributeMaxDynamicSharedMemorySize && attribute < cudaFuncAttributeMax;
}

}  // namespace

namespace calls {

cudaError_t cudaGetKernel(cudaKernel_t* kernel, const void* entry) {
  if (kernel == nullptr) return cudaErrorInvalidValue;
  return only_registered(find_kernel(entry, kernel));
}

cudaError_t cudaGetFuncBySymbol(cudaFunction_t* function, const void* symbol) {
  CUfunction found = nullptr;
  VGPU_RETURN_ERROR(only_registered(find_function(symbol, &found)));
  if (function == nullptr) return cudaErrorInvalidValue;
  *function = found;
  remember_handle(found);
  return cudaSuccess;
}

cudaError_t cudaLibraryGetKernel(cudaKernel_t* kernel, cudaLibrary_t library, const char* name) {
  VGPU_RETURN_ERROR(driver_ready());
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuLibraryGetKernel)(kernel, library, name));
  remember_handle(*kernel);
  return cudaSuccess;
}

cudaError_t cudaLibraryEnumerateKernels(cudaKernel_t* kernels, unsigned count, cudaLibrary_t library) {
  VGPU_RETURN_ERROR(driver_ready());
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuLibraryEnumerateKernels)(kernels, count, library));
  for (unsigned i = 0; i < count; ++i) remember_handle(kernels[i]);
  return cudaSuccess;
}

cudaError_t cudaLibraryUnload(cudaLibrary_t library) {
  VGPU_RETURN_ERROR(driver_ready());
  unsigned count = 0;
  if (VGPU_DRIVER(cuLibraryGetKernelCount)(&count, library) == cudaSuccess && count > 0) {
    const auto kernels = std::make_unique<CUkernel[]>(count);
    if (VGPU_DRIVER(cuLibraryEnumerateKernels)(kernels.get(), count, library) == cudaSuccess)
      for (unsigned i = 0; i < count; ++i) forget_handle(kernels[i]);
  }
  return VGPU_DRIVER(cuLibraryUnload)(library);
}

cudaError_t cudaKernelSetAttributeForDevice(cudaKernel_t kernel, cudaFuncAttribute attribute, int value, int device) {
  if (!may_be_set(attribute)) return cudaErrorInvalidValue;
  VGPU_RETURN_ERROR(driver_ready());
  return VGPU_DRIVER(cuKernelSetAttribute)(attribute, value, kernel, device);
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* symbol) {
  if (attributes == nullptr) return cudaErrorInvalidValue;
  CUfunction function = nullptr;
  VGPU_RETURN_ERROR(find_function(symbol, &function));
  *attributes = {};
  VGPU_RETURN_ERROR(read_attribute(function, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, &attributes->sharedSizeBytes));
  VGPU_RETURN_ERROR(read_attribute(function, CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES, &attributes->constSizeBytes));
  VGPU_RETURN_ERROR(read_attribute(function, CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, &attributes->localSizeBytes));
  for (const IntAttribute& row : kIntAttributes)
    VGPU_RETURN_ERROR(read_attribute(function, row.attribute, &(attributes->*row.field)));
  return cudaSuccess;
}

cudaError_t cudaFuncSetAttribute(const void* symbol, cudaFuncAttribute attribute, int value) {
  if (kRuntimeVersion >= 13000 && !may_be_set(attribute)) return cudaErrorInvalidValue;
  CUkernel kernel = nullptr;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(find_kernel(symbol, &kernel));
  CUdevice device = 0;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuCtxGetDevice)(&device));
  return VGPU_DRIVER(cuKernelSetAttribute)(attribute, value, kernel, device);
}

cudaError_t cudaFuncSetCacheConfig(const void* symbol, cudaFuncCache config) {
  CUkernel kernel = nullptr;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(find_kernel(symbol, &kernel));
  CUdevice device = 0;
  VGPU_RETURN_ERROR(VGPU_DRIVER(cuCtxGetDevice)(&device));
  return VGPU_DRIVER(cuKernelSetCacheConfig)(kernel, config, device);
}

cudaError_t cudaFuncSetSharedMemConfig(const void* symbol, cudaSharedMemConfig config) {
  CUfunction function = nullptr;
  VGPU_RETURN_ERROR(find_function(symbol, &function));
  return VGPU_DRIVER(cuFuncSetSharedMemConfig)(function, config);
}

cudaError_t cudaFuncGetName(const char** name, const void* symbol) {
  if (name == nullptr) return cudaErrorInvalidValue;
  CUkernel kernel = nullptr;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(find_kernel(symbol, &kernel));
  return VGPU_DRIVER(cuKernelGetName)(name, kernel);
}

cudaError_t cudaFuncGetParamInfo(const void* symbol, size_t index, size_t* offset, size_t* size) {
  CUkernel kernel = nullptr;
  VGPU_RETURN_ERROR(use_context());
  VGPU_RETURN_ERROR(unless_wrong(offset == nullptr, find_kernel(symbol, &kernel)));
  return VGPU_DRIVER(cuKernelGetParamInfo)(kernel, index, offset, size);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void* symbol, int block_size,
                                                                   size_t shared_bytes, unsigned flags) {
  const bool wrong = blocks == nullptr || block_size <= 0 || flags > cudaOccupancyDisableCachingOverride;
  CUfunction function = nullptr;
  VGPU_RETURN_ERROR(unless_wrong(wrong, find_function(symbol, &function)));
  return VGPU_DRIVER(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags)(blocks, function, block_size, shared_bytes,
                                                                           flags);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* symbol, int block_size,
                                                          size_t shared_bytes) {
  return calls::cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, symbol, block_size, shared_bytes, 0);
}

cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(size_t* shared_bytes, const void* symbol, int blocks,
                                                      int block_size) {
  CUfunction function = nullptr;
  VGPU_RETURN_ERROR(find_function(symbol, &function));
  return VGPU_DRIVER(cuOccupancyAvailableDynamicSMemPerBlock)(shared_bytes, function, blocks, block_size);
}

cudaError_t cudaOccupancyMaxPotentialClusterSize(int* size, const void* symbol, const cudaLaunchConfig_t* config) {
  if (config == nullptr) return cudaErrorInvalidValue;
  CUfunction function = nullptr;
  VGPU_RETURN_ERROR(find_function(symbol, &function));
  const CUlaunchConfig driver_config = launch_config(*config);
  return VGPU_DRIVER(cuOccupancyMaxPotentialClusterSize)(size, function, &driver_config);
}

cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void* symbol, const cudaLaunchConfig_t* config) {
  if (config == nullptr) return cudaErrorInvalidValue;
  CUfunction function = nullptr;
  VGPU_RETURN_ERROR(find_function(symbol, &function));
  const CUlaunchConfig driver_config = launch_config(*config);
  return VGPU_DRIVER(cuOccupancyMaxActiveClusters)(clusters, function, &driver_config);
}

cudaError_t cudaGetSymbolAddress(void** address, const void* symbol) {
  CUdeviceptr device = 0;
  size_t size = 0;
  VGPU_RETURN_ERROR(find_variable(symbol, &device, &size));
  if (address == nullptr) return cudaErrorInvalidValue;
  *address = reinterpret_cast<void*>(device);
  return cudaSuccess;
}

cudaError_t cudaGetSymbolSize(size_t* size, const void* symbol) {
  CUdeviceptr device = 0;
  size_t found = 0;
  VGPU_RETURN_ERROR(find_variable(symbol, &device, &found));
  if (size == nullptr) return cudaErrorInvalidValue;
  *size = found;
  return cudaSuccess;
}

}  // namespace calls
}  // namespace vgpu::runtime
