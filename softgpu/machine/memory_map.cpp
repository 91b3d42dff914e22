// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/memory_map.h"

#include <iterator>
#include <mutex>

namespace vgpu::soft {

bool MemoryMap::add(uint64_t begin, uint64_t size, bool writable) {
  if (size == 0 || begin + size < begin) return false;
  std::unique_lock lock(mutex_);
  auto next = ranges_.lower_bound(begin);
  if (next != ranges_.end() && next->first < begin + size) return false;
  if (next != ranges_.begin() && std::prev(next)->second.end() > begin) return false;
  ranges_.emplace(begin, Range{begin, size, writable});
  return true;
}

bool MemoryMap::remove(uint64_t begin) {
  std::unique_lock lock(mutex_);
  if (ranges_.erase(begin) == 0) return false;
  epoch_.fetch_add(1, std::memory_order_release);
  return true;
}

std::optional<Range> MemoryMap::find(uint64_t address) const {
  std::shared_lock lock(mutex_);
  auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin()) return std::nullopt;
  const Range& range = std::prev(after)->second;
  if (address >= range.end()) return std::nullopt;
  return range;
}

}  // namespace vgpu::soft
