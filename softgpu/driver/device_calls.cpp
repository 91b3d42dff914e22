// SPDX-License-Identifier: Apache-2.0
// cuInit, cuDriverGetVersion and cuDevice*: questions about devices. All answers are constant facts of the Device.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/async_callbacks.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/unimplemented.h"

using namespace vgpu::soft;

namespace {

// The CUDA version this driver implements.
constexpr int kDriverVersion = 13000;

CUresult give_uuid(CUuuid* out, CUdevice ordinal) {
  const Device* const device = TRY(get_device(ordinal));
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *out = device->uuid();
  return CUDA_SUCCESS;
}

int attribute(const Device& device, CUdevice_attribute id) { return device.attribute(id).value(); }

// Bytes of one channel, 0 for a format that has no fixed size per channel.
size_t channel_bytes(CUarray_format format) {
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8: return 1;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF: return 2;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT: return 4;
    default: return 0;
  }
}

}  // namespace

extern "C" {

CUresult cuInit(unsigned int Flags) { return Process::initialize(Flags); }

CUresult cuDriverGetVersion(int* driverVersion) {
  if (driverVersion == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *driverVersion = kDriverVersion;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int* count) {
  const Process* const process = TRY(current_process());
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *count = process->device_count();
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  TRY(current_process());
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *device = TRY(get_device(ordinal))->ordinal();
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char* name, int len, CUdevice dev) {
  const Device* const device = TRY(get_device(dev));
  if (name == nullptr || len <= 0) return CUDA_ERROR_INVALID_VALUE;
  std::snprintf(name, static_cast<size_t>(len), "%s", device->name().c_str());
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice dev) { return give_uuid(uuid, dev); }
CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice dev) { return give_uuid(uuid, dev); }

// LUIDs are a notion of Windows.
CUresult cuDeviceGetLuid(char*, unsigned int*, CUdevice dev) {
  TRY(get_device(dev));
  return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuDeviceRegisterAsyncNotification(CUdevice device, CUasyncCallback callbackFunc, void*,
                                           CUasyncCallbackHandle* callback) {
  TRY(get_device(device));
  if (callbackFunc == nullptr || callback == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *callback = static_cast<CUasyncCallbackHandle>(vgpu::AsyncCallbacks::of_process().add(device));
  return CUDA_SUCCESS;
}

CUresult cuDeviceUnregisterAsyncNotification(CUdevice device, CUasyncCallbackHandle callback) {
  TRY(get_device(device));
  return vgpu::AsyncCallbacks::of_process().remove(device, callback) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice dev) {
  const Device* const device = TRY(get_device(dev));
  if (bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *bytes = device->total_memory();
  return CUDA_SUCCESS;
}

// The first ABI counts in 32 bits and saturates.
CUresult cuDeviceTotalMem(unsigned int* bytes, CUdevice dev) {
  const Device* const device = TRY(get_device(dev));
  if (bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *bytes = static_cast<unsigned>(std::min<size_t>(device->total_memory(), 0xffffffffu));
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int* pi, CUdevice_attribute attrib, CUdevice dev) {
  TRY(current_process());
  if (pi == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const Device* const device = TRY(get_device(dev));
  *pi = TRY(device->attribute(attrib));
  return CUDA_SUCCESS;
}

CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice dev) {
  const Device* const device = TRY(get_device(dev));
  if (major == nullptr || minor == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *major = device->limits().major;
  *minor = device->limits().minor;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetProperties(CUdevprop* prop, CUdevice dev) {
  const Device* const device = TRY(get_device(dev));
  if (prop == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const DeviceLimits& limits = device->limits();
  prop->maxThreadsPerBlock = limits.max_threads_per_block;
  prop->maxThreadsDim[0] = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X);
  prop->maxThreadsDim[1] = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y);
  prop->maxThreadsDim[2] = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z);
  prop->maxGridSize[0] = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X);
  prop->maxGridSize[1] = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y);
  prop->maxGridSize[2] = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z);
  prop->sharedMemPerBlock = limits.shared_per_block;
  prop->totalConstantMemory = attribute(*device, CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY);
  prop->SIMDWidth = attribute(*device, CU_DEVICE_ATTRIBUTE_WARP_SIZE);
  prop->memPitch = attribute(*device, CU_DEVICE_ATTRIBUTE_MAX_PITCH);
  prop->regsPerBlock = limits.registers_per_block;
  prop->clockRate = attribute(*device, CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
  prop->textureAlign = attribute(*device, CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetTexture1DLinearMaxWidth(size_t* maxWidthInElements, CUarray_format format, unsigned numChannels,
                                            CUdevice dev) {
  const Device* const device = TRY(get_device(dev));
  const size_t bytes = channel_bytes(format);
  if (maxWidthInElements == nullptr || bytes == 0 || (numChannels != 1 && numChannels != 2 && numChannels != 4))
    return CUDA_ERROR_INVALID_VALUE;
  *maxWidthInElements =
      static_cast<size_t>(attribute(*device, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LINEAR_WIDTH)) / bytes / numChannels;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetExecAffinitySupport(int* pi, CUexecAffinityType type, CUdevice dev) {
  TRY(get_device(dev));
  if (pi == nullptr || type < 0 || type >= CU_EXEC_AFFINITY_TYPE_MAX) return CUDA_ERROR_INVALID_VALUE;
  *pi = 0;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char* pciBusId, int len, CUdevice dev) {
  const Device* const device = TRY(get_device(dev));
  if (pciBusId == nullptr || len <= 0) return CUDA_ERROR_INVALID_VALUE;
  std::snprintf(
      pciBusId, static_cast<size_t>(len), "%04x:%02x:%02x.0", attribute(*device, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID),
      attribute(*device, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID), attribute(*device, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID));
  return CUDA_SUCCESS;
}

// Forms: [domain]:[bus]:[device].[function], [domain]:[bus]:[device], [bus]:[device].[function]; hexadecimal.
CUresult cuDeviceGetByPCIBusId(CUdevice* dev, const char* pciBusId) {
  Process* const process = TRY(current_process());
  if (dev == nullptr || pciBusId == nullptr) return CUDA_ERROR_INVALID_VALUE;
  unsigned domain = 0, bus = 0, slot = 0, function = 0;
  if (std::sscanf(pciBusId, "%x:%x:%x.%x", &domain, &bus, &slot, &function) < 3) {
    domain = 0;
    if (std::sscanf(pciBusId, "%x:%x.%x", &bus, &slot, &function) < 2) return CUDA_ERROR_INVALID_VALUE;
  }
  for (int ordinal = 0; ordinal < process->device_count(); ++ordinal) {
    const Device& device = *process->find_device(ordinal);
    const auto is = [&](CUdevice_attribute id, unsigned value) {
      return static_cast<unsigned>(attribute(device, id)) == value;
    };
    if (function != 0 || !is(CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, domain) || !is(CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, bus) ||
        !is(CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, slot))
      continue;
    *dev = ordinal;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_DEVICE;
}

}  // extern "C"
