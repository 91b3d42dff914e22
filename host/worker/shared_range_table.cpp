// SPDX-License-Identifier: Apache-2.0
#include "host/worker/shared_range_table.h"

#include <sys/mman.h>
#include <unistd.h>

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

int SharedRangeTable::map(int file, std::span<const FileRun> runs, uint64_t address, uint64_t size) {
  if (size == 0 || total_bytes(runs) != size) return EINVAL;
  const std::unique_lock lock(mutex_);
  // SAFETY: the address is only a place in this process; NOREPLACE refuses one where anything is.
  void* const wanted = reinterpret_cast<void*>(address);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE;
  void* const got = ::mmap(wanted, size, PROT_NONE, flags, -1, 0);
  if (got == MAP_FAILED) return errno;
  // A kernel that does not know the flag maps elsewhere.
  const int error = got != wanted ? EEXIST : map_runs(wanted, file, runs);
  if (error != 0) ::munmap(got, size);
  else sizes_[address] = size;
  return error;
}

void SharedRangeTable::permit_adoption(uint64_t address, uint64_t size) {
  const std::unique_lock lock(mutex_);
  uint64_t& permitted = permitted_[address];
  permitted = std::max(permitted, size);
}

int SharedRangeTable::adopt(int file, std::span<const FileRun> runs, uint64_t address, uint64_t size) {
  if (size == 0 || total_bytes(runs) != size) return EINVAL;
  const std::unique_lock lock(mutex_);
  // Variables of modules that came one after the other may overlap, so the nearest permit need not be the one.
  const auto covers = [&](const auto& permit) {
    const auto [begin, length] = permit;
    return address >= begin && address - begin <= length && size <= length - (address - begin);
  };
  if (std::none_of(permitted_.begin(), permitted_.upper_bound(address), covers)) return EPERM;
  void* const view = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (view == MAP_FAILED) return errno;
  const Mapping whole(view, size);
  if (const int error = map_runs(view, file, runs); error != 0) return error;
  // SAFETY: permitted ranges are memory of the driver's managed variables, and it lives as long as the driver. What is
  // written there between copy and replacement would be lost: the guest has just loaded the module and runs nothing.
  void* const own = reinterpret_cast<void*>(address);
  std::memcpy(view, own, size);
  // Half of it would be worse than nothing: the guest takes its pages back after a failure, and some would be mapped
  // here.
  if (map_runs(own, file, runs) != 0) ::_exit(1);
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
