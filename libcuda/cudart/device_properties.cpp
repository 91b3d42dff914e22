// SPDX-License-Identifier: Apache-2.0
// cudaDeviceProp of CUDA 13, and the choice by it.
#include "libcuda/cudart/device_fields.h"
#include "libcuda/cudart/rows.h"

namespace vgpu::runtime::calls {
namespace {

#define FIELD(field, attribute) VGPU_PROPERTY(cudaDeviceProp, field, attribute),
#define ELEMENT(field, index, attribute) VGPU_PROPERTY_ELEMENT(cudaDeviceProp, field, index, attribute),
constexpr PropertyField kFields[] = {
#include "libcuda/cudart/device_properties.rows.h"
    // clang-format off
    FIELD(deviceNumaConfig, cudaDevAttrNumaConfig)
    FIELD(deviceNumaId, cudaDevAttrNumaId)
    FIELD(mpsEnabled, cudaDevAttrMpsEnabled)
    FIELD(hostNumaId, cudaDevAttrHostNumaId)
    FIELD(gpuPciDeviceID, cudaDevAttrGpuPciDeviceId)
    FIELD(gpuPciSubsystemID, cudaDevAttrGpuPciSubsystemId)
    FIELD(hostNumaMultinodeIpcSupported, cudaDevAttrHostNumaMultinodeIpcSupported)
    // clang-format on
};
#undef FIELD
#undef ELEMENT

}  // namespace

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return read_properties(properties, device, kFields);
}

cudaError_t cudaChooseDevice(int* device, const cudaDeviceProp* wanted) {
  return choose_device<cudaDeviceProp>(device, wanted, calls::cudaGetDeviceProperties);
}

}  // namespace vgpu::runtime::calls
