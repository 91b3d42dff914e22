// SPDX-License-Identifier: Apache-2.0
#include "host/worker/managed_pages.h"

#include <algorithm>

#include "vgpu/ring.h"

namespace vgpu::host {

void ManagedPages::add(uint64_t address, uint64_t size) {
  const uint64_t first = address / ring::kPage * ring::kPage;
  const uint64_t last = (address + size + ring::kPage - 1) / ring::kPage * ring::kPage;
  const std::lock_guard lock(mutex_);
  uint64_t& known = sizes_[first];
  known = std::max(known, last - first);
}

bool ManagedPages::contains(uint64_t address, uint64_t size) const {
  const std::lock_guard lock(mutex_);
  const auto after = sizes_.upper_bound(address);
  if (size == 0 || after == sizes_.begin()) return false;
  const auto [first, length] = *std::prev(after);
  return address - first < length && size <= length - (address - first);
}

}  // namespace vgpu::host
