// SPDX-License-Identifier: Apache-2.0
// Initialisation and devices: answered from the snapshot that the session opened with.
// CUDA driver API: Initialization, Version Management, Device Management.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "common/async_callbacks.h"
#include "libcuda/by_hand.h"

namespace vgpu::guest {
namespace {

// The device's facts, after the checks that all queries share.
CUresult find_device(CUdevice ordinal, const wire::DeviceSnapshot*& out) {
  VGPU_ADMIT(admitted);
  out = admitted.process->device(ordinal);
  return out == nullptr ? CUDA_ERROR_INVALID_DEVICE : CUDA_SUCCESS;
}

// What the card can do and we do not carry: memory of the driver that the program's own processor could not reach, and
// handles for other machines.
bool is_withheld(int id) {
  switch (id) {
    case CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_FABRIC_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HOST_NUMA_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HOST_NUMA_MEMORY_POOLS_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HOST_NUMA_MULTINODE_IPC_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HOST_MEMORY_POOLS_SUPPORTED:
    case CU_DEVICE_ATTRIBUTE_HOST_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED: return true;
    default: return false;
  }
}

CUresult attribute(const wire::DeviceSnapshot& device, int id, int& value) {
  if (id <= 0 || id >= wire::kAttributes || (device.attribute_known[id / 64] >> (id % 64) & 1) == 0)
    return CUDA_ERROR_INVALID_VALUE;
  value = is_withheld(id) ? 0 : device.attribute[id];
  return CUDA_SUCCESS;
}

}  // namespace

namespace by_hand {

CUresult cuInit(unsigned int Flags) { return Process::initialise(Flags); }

CUresult cuDriverGetVersion(int* driverVersion) {
  if (driverVersion == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUresult failure = CUDA_SUCCESS;
  Process* process = Process::get();
  // Programs ask before cuInit, and the answer is the host's. Without a host the library still has a version.
  if (process == nullptr) process = Process::open(failure, false);
  *driverVersion = process == nullptr ? CUDA_VERSION : process->driver_version();
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int* count) {
  VGPU_ADMIT(admitted);
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *count = admitted.process->device_count();
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  VGPU_ADMIT(admitted);
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (admitted.process->device(ordinal) == nullptr) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char* name, int len, CUdevice dev) {
  const wire::DeviceSnapshot* device = nullptr;
  VGPU_CHECK(find_device(dev, device));
  if (name == nullptr || len <= 0) return CUDA_ERROR_INVALID_VALUE;
  std::snprintf(name, static_cast<size_t>(len), "%.*s", static_cast<int>(sizeof device->name), device->name);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice dev) {
  const wire::DeviceSnapshot* device = nullptr;
  VGPU_CHECK(find_device(dev, device));
  if (uuid == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(uuid->bytes, device->uuid, sizeof uuid->bytes);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice dev) { return by_hand::cuDeviceGetUuid(uuid, dev); }

CUresult cuDeviceGetLuid(char* luid, unsigned int* deviceNodeMask, CUdevice dev) {
  const wire::DeviceSnapshot* device = nullptr;
  VGPU_CHECK(find_device(dev, device));
  // LUIDs exist on Windows only.
  return luid == nullptr || deviceNodeMask == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuDeviceRegisterAsyncNotification(CUdevice device, CUasyncCallback callbackFunc, void* /*userData*/,
                                           CUasyncCallbackHandle* callback) {
  const wire::DeviceSnapshot* found = nullptr;
  VGPU_CHECK(find_device(device, found));
  if (callbackFunc == nullptr || callback == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *callback = static_cast<CUasyncCallbackHandle>(AsyncCallbacks::of_process().add(device));
  return CUDA_SUCCESS;
}

CUresult cuDeviceUnregisterAsyncNotification(CUdevice device, CUasyncCallbackHandle callback) {
  const wire::DeviceSnapshot* found = nullptr;
  VGPU_CHECK(find_device(device, found));
  return AsyncCallbacks::of_process().remove(device, callback) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice dev) {
  const wire::DeviceSnapshot* device = nullptr;
  VGPU_CHECK(find_device(dev, device));
  if (bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *bytes = device->total_bytes;
  return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem(unsigned int* bytes, CUdevice dev) {
  const wire::DeviceSnapshot* device = nullptr;
  VGPU_CHECK(find_device(dev, device));
  if (bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *bytes = static_cast<unsigned>(std::min<uint64_t>(device->total_bytes, ~0u));
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int* pi, CUdevice_attribute attrib, CUdevice dev) {
  const wire::DeviceSnapshot* device = nullptr;
  VGPU_CHECK(find_device(dev, device));
  return pi == nullptr ? CUDA_ERROR_INVALID_VALUE : attribute(*device, attrib, *pi);
}

CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice dev) {
  const wire::DeviceSnapshot* device = nullptr;
  VGPU_CHECK(find_device(dev, device));
  if (major == nullptr || minor == nullptr) return CUDA_ERROR_INVALID_VALUE;
  VGPU_CHECK(attribute(*device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, *major));
  return attribute(*device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, *minor);
}

CUresult cuDeviceGetPCIBusId(char* pciBusId, int len, CUdevice dev) {
  const wire::DeviceSnapshot* device = nullptr;
  VGPU_CHECK(find_device(dev, device));
  const size_t needed = strnlen(device->pci_bus_id, sizeof device->pci_bus_id) + 1;
  if (pciBusId == nullptr || len < static_cast<int>(needed)) return CUDA_ERROR_INVALID_VALUE;
  std::snprintf(pciBusId, needed, "%s", device->pci_bus_id);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetByPCIBusId(CUdevice* dev, const char* pciBusId) {
  VGPU_ADMIT(admitted);
  if (dev == nullptr || pciBusId == nullptr) return CUDA_ERROR_INVALID_VALUE;
  // [domain]:[bus]:[device].[function], where domain and function may be left out.
  unsigned domain = 0, bus = 0, slot = 0;
  if (std::sscanf(pciBusId, "%x:%x:%x", &domain, &bus, &slot) != 3) {
    domain = 0;
    if (std::sscanf(pciBusId, "%x:%x", &bus, &slot) != 2) return CUDA_ERROR_INVALID_VALUE;
  }
  for (int ordinal = 0; ordinal < admitted.process->device_count(); ++ordinal) {
    const wire::DeviceSnapshot& device = *admitted.process->device(ordinal);
    int has_domain = 0, has_bus = 0, has_slot = 0;
    attribute(device, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, has_domain);
    attribute(device, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, has_bus);
    attribute(device, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, has_slot);
    if (static_cast<int>(domain) != has_domain || static_cast<int>(bus) != has_bus ||
        static_cast<int>(slot) != has_slot)
      continue;
    *dev = ordinal;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_DEVICE;
}

}  // namespace by_hand
}  // namespace vgpu::guest
