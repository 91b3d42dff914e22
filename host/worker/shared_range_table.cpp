// SPDX-License-Identifier: Apache-2.0
#include "host/worker/shared_range_table.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <mutex>

namespace vgpu::host {

bool SharedRangeTable::contains(uint64_t address, uint64_t size) const {
  uint64_t end = 0;
  if (size == 0 || __builtin_add_overflow(address, size, &end)) return false;
  const std::shared_lock lock(mutex_);
  auto at = sizes_.upper_bound(address);
  if (at == sizes_.begin()) return false;
  uint64_t covered = address;
  for (--at; at != sizes_.end() && at->first <= covered && covered < end; ++at) {
    if (at->first + at->second <= covered) return false;
    covered = at->first + at->second;
  }
  return covered >= end;
}

int SharedRangeTable::map(int file, uint64_t address, uint64_t size, uint64_t offset) {
  const std::unique_lock lock(mutex_);
  // SAFETY: the address is only a place in this process; NOREPLACE refuses one where anything is.
  void* const wanted = reinterpret_cast<void*>(address);
  void* const got =
      ::mmap(wanted, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, file, static_cast<off_t>(offset));
  if (got == MAP_FAILED) return errno;
  // A kernel that does not know the flag maps elsewhere.
  if (got != wanted) {
    ::munmap(got, size);
    return EEXIST;
  }
  sizes_[address] = size;
  return 0;
}

void SharedRangeTable::permit_adoption(uint64_t address, uint64_t size) {
  const std::unique_lock lock(mutex_);
  uint64_t& permitted = permitted_[address];
  permitted = std::max(permitted, size);
}

int SharedRangeTable::adopt(int file, uint64_t address, uint64_t size, uint64_t offset) {
  const std::unique_lock lock(mutex_);
  const auto after = permitted_.upper_bound(address);
  if (after == permitted_.begin()) return EPERM;
  const auto [begin, length] = *std::prev(after);
  if (address - begin > length || size > length - (address - begin)) return EPERM;
  void* const view = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, static_cast<off_t>(offset));
  if (view == MAP_FAILED) return errno;
  // SAFETY: permitted ranges are memory of the driver's managed variables, and it lives as long as the driver.
  void* const own = reinterpret_cast<void*>(address);
  std::memcpy(view, own, size);
  const bool moved = ::mremap(view, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, own) == own;
  if (!moved) return errno;
  sizes_[address] = size;
  adopted_.insert(address);
  return 0;
}

int SharedRangeTable::unmap(uint64_t address, uint64_t size) {
  const std::unique_lock lock(mutex_);
  const auto found = sizes_.find(address);
  if (found == sizes_.end() || found->second != size) return EINVAL;
  if (adopted_.contains(address)) return EPERM;
  // SAFETY: exactly the range that map() mapped.
  if (::munmap(reinterpret_cast<void*>(address), size) != 0) return errno;
  sizes_.erase(found);
  return 0;
}

}  // namespace vgpu::host
