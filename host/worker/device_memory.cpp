// SPDX-License-Identifier: Apache-2.0
#include "host/worker/device_memory.h"

namespace vgpu::host {

void DeviceMemory::keep(uint64_t key, uint64_t bytes) {
  if (budget_.limit() == 0) return;
  const std::lock_guard lock(mutex_);
  bytes_[key] = bytes;
}

void DeviceMemory::free(uint64_t key) {
  if (budget_.limit() == 0) return;
  uint64_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = bytes_.find(key);
    if (found == bytes_.end()) return;
    bytes = found->second;
    bytes_.erase(found);
  }
  budget_.release(bytes);
}

}  // namespace vgpu::host
