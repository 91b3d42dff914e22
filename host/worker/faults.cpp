// SPDX-License-Identifier: Apache-2.0
#include "host/worker/faults.h"

#include <cstring>

#include "common/handle.h"

namespace vgpu::host {
namespace {

// A context that died may refuse even that question; the handle of a primary one says it.
bool find_device(const Driver& driver, uint64_t context, CUdevice& device) {
  const uint32_t index = handle::index_of(context);
  if (index >= handle::kPrimaryContexts) return VGPU_DRIVER(driver, cuCtxGetDevice)(&device) == CUDA_SUCCESS;
  device = static_cast<CUdevice>(index);
  return true;
}

}  // namespace

void Faults::note(const Driver& driver, uint64_t context, CUresult result) {
  {
    const std::lock_guard lock(mutex_);
    if (!listener_ || !told_.insert(context).second) return;
  }
  CUdevice device = 0;
  CUuuid uuid = {};
  if (!find_device(driver, context, device) || VGPU_DRIVER(driver, cuDeviceGetUuid_v2)(&uuid, device) != CUDA_SUCCESS)
    return;
  wire::Fault fault = {};
  std::memcpy(fault.uuid, uuid.bytes, sizeof fault.uuid);
  fault.result = result;
  listener_(fault);
}

void Faults::forget(uint64_t context) {
  const std::lock_guard lock(mutex_);
  told_.erase(context);
}

}  // namespace vgpu::host
