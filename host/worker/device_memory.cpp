// SPDX-License-Identifier: Apache-2.0
#include "host/worker/device_memory.h"

namespace vgpu::host {

void DeviceMemory::keep(uint64_t key, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  uint64_t& place = bytes_[key];
  held_.fetch_add(bytes - place, std::memory_order_relaxed);
  place = bytes;
}

void DeviceMemory::free(uint64_t key) {
  uint64_t bytes = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = bytes_.find(key);
    if (found == bytes_.end()) return;
    bytes = found->second;
    bytes_.erase(found);
    held_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  if (budget_.limit() != 0) budget_.release(bytes);
}

}  // namespace vgpu::host
