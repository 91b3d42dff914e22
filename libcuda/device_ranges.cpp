// SPDX-License-Identifier: Apache-2.0
#include "libcuda/device_ranges.h"

namespace vgpu::guest {

void DeviceRanges::add(uint64_t address, uint64_t bytes) {
  if (address == 0 || bytes == 0) return;
  const std::lock_guard lock(mutex_);
  ranges_[address] = bytes;
}

void DeviceRanges::remove(uint64_t address) {
  const std::lock_guard lock(mutex_);
  ranges_.erase(address);
}

void DeviceRanges::clear() {
  const std::lock_guard lock(mutex_);
  ranges_.clear();
}

bool DeviceRanges::contains(uint64_t address, uint64_t bytes) const {
  const std::shared_lock lock(mutex_);
  auto found = ranges_.upper_bound(address);
  if (found == ranges_.begin()) return false;
  --found;
  const uint64_t offset = address - found->first;
  return offset < found->second && bytes <= found->second - offset;
}

bool DeviceRanges::begins_at(uint64_t address) const {
  const std::shared_lock lock(mutex_);
  return ranges_.contains(address);
}

}  // namespace vgpu::guest
