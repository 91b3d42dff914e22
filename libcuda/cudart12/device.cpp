// SPDX-License-Identifier: Apache-2.0
// Devices: their properties in CUDA 12's layout, and what was for devices without double precision.
#include "libcuda/cudart/device_fields.h"
#include "libcuda/cudart12/declarations.h"

#include <cstring>

namespace vgpu::runtime::twelve {
namespace {

#define FIELD(field, attribute) VGPU_PROPERTY(DeviceProperties, field, attribute),
#define ELEMENT(field, index, attribute) VGPU_PROPERTY_ELEMENT(DeviceProperties, field, index, attribute),
constexpr PropertyField kFields[] = {
#include "libcuda/cudart/device_properties.rows.h"
    // clang-format off
    FIELD(clockRate, cudaDevAttrClockRate)
    FIELD(computeMode, cudaDevAttrComputeMode)
    FIELD(cooperativeMultiDeviceLaunch, CU_DEVICE_ATTRIBUTE_COOPERATIVE_MULTI_DEVICE_LAUNCH)
    FIELD(deviceOverlap, cudaDevAttrGpuOverlap)
    FIELD(kernelExecTimeoutEnabled, cudaDevAttrKernelExecTimeout)
    FIELD(maxTexture1DLinear, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LINEAR_WIDTH)
    FIELD(memoryClockRate, cudaDevAttrMemoryClockRate)
    FIELD(singleToDoublePrecisionPerfRatio, cudaDevAttrSingleToDoublePrecisionPerfRatio)
    // clang-format on
};
#undef FIELD
#undef ELEMENT

}  // namespace

cudaError_t cudaGetDeviceProperties_v2(DeviceProperties* properties, int device) {
  return read_properties(properties, device, kFields);
}

cudaError_t cudaGetDeviceProperties(DevicePropertiesV1* properties, int device) {
  if (properties == nullptr) return cudaErrorInvalidValue;
  DeviceProperties all;
  VGPU_RETURN_ERROR(cudaGetDeviceProperties_v2(&all, device));
  std::memcpy(properties, &all, sizeof *properties);
  return cudaSuccess;
}

cudaError_t cudaChooseDevice(int* device, const DeviceProperties* wanted) {
  return choose_device<DeviceProperties>(device, wanted, cudaGetDeviceProperties_v2);
}

// Every device since compute capability 1.3 computes in double precision: there is nothing to convert.
cudaError_t cudaSetDoubleForDevice(double*) { return cudaSuccess; }
cudaError_t cudaSetDoubleForHost(double*) { return cudaSuccess; }

}  // namespace vgpu::runtime::twelve
