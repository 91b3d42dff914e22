// SPDX-License-Identifier: Apache-2.0
#include "host/worker/managed_pages.h"

#include <algorithm>

#include "common/pages.h"

namespace vgpu::host {

void ManagedPages::add(uint64_t address, uint64_t size) {
  uint64_t first = page_down(address);
  uint64_t last = page_up(address + size);
  const std::lock_guard lock(mutex_);
  // One range in place of all that it touches.
  auto at = ends_.lower_bound(first);
  if (at != ends_.begin() && std::prev(at)->second >= first) --at;
  while (at != ends_.end() && at->first <= last) {
    first = std::min(first, at->first);
    last = std::max(last, at->second);
    at = ends_.erase(at);
  }
  ends_[first] = last;
}

bool ManagedPages::contains(uint64_t address, uint64_t size) const {
  const std::lock_guard lock(mutex_);
  const auto after = ends_.upper_bound(address);
  if (size == 0 || after == ends_.begin()) return false;
  const uint64_t end = std::prev(after)->second;
  return address < end && size <= end - address;
}

}  // namespace vgpu::host
