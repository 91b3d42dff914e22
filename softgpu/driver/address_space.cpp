// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/address_space.h"

#include <sys/mman.h>
#include <algorithm>

#include "common/log.h"
#include "softgpu/driver/device.h"
#include "softgpu/machine/memory_map.h"

namespace vgpu::soft {
namespace {

#ifdef __SANITIZE_THREAD__
// The thread sanitizer leaves programs only a few stretches; this one is below its shadow.
constexpr uint64_t kBases[] = {0x10'0000'0000};
#else
// Far above a program's heap, far below its libraries and stacks.
constexpr uint64_t kBases[] = {0x2000'0000'0000, 0x2800'0000'0000, 0x3000'0000'0000};
#endif
constexpr uint64_t kCommitStep = uint64_t{64} << 20;
// Freed memory of at least this size goes back to the system when that needs it.
constexpr uint64_t kReturnSize = uint64_t{2} << 20;
constexpr uint64_t kPage = 4096;

constexpr uint64_t round_up(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

// What an allocation counts for, and occupies: so that every allocation is aligned for its neighbours.
constexpr uint64_t kUnit = 512;
// The finest grain of what kernels may touch. The compiler makes an atomic operation on a byte from one on the word
// around it, and a vector load may read a little more than a program asked for; a GPU sees only pages.
constexpr uint64_t kGrain = 16;

}  // namespace

AddressSpace::AddressSpace(std::vector<Device*> devices, uint64_t base)
    : devices_(std::move(devices)),
      base_(base),
      allocations_(base, kAllocationsSize),
      managed_(base + kAllocationsSize, kManagedSize),
      reservations_(managed_.limit, base + kStretchSize - managed_.limit) {
  for (size_t i = 0; i < devices_.size(); ++i) peers_[i] = DeviceMask{1} << i;
}

CuResult<std::unique_ptr<AddressSpace>> AddressSpace::create(std::vector<Device*> devices) {
  for (const uint64_t base : kBases) {
    // SAFETY: NOREPLACE makes sure that no mapping of the program is hit.
    void* const at = mmap(reinterpret_cast<void*>(base), AddressSpace::kStretchSize, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == reinterpret_cast<void*>(base))
      return std::unique_ptr<AddressSpace>(new AddressSpace(std::move(devices), base));
    if (at != MAP_FAILED)
      munmap(at, AddressSpace::kStretchSize);  // A kernel that does not know NOREPLACE put it elsewhere.
  }
  VGPU_ERROR("software GPU: no room for device addresses (is the address space limited by ulimit -v?)");
  return CUDA_ERROR_OUT_OF_MEMORY;
}

bool AddressSpace::Arena::commit(uint64_t end) {
  if (end <= committed) return true;
  const uint64_t target = std::min(committed + round_up(end - committed, kCommitStep), limit);
  void* const from = reinterpret_cast<void*>(committed);
  if (mprotect(from, target - committed, PROT_READ | PROT_WRITE) != 0) return false;
  madvise(from, target - committed, MADV_HUGEPAGE);
  committed = target;
  return true;
}

CuResult<Region> AddressSpace::allocate(Region region, uint64_t alignment) {
  // What can be exported has pages of its own.
  region.whole_pages |= region.kind == RegionKind::device;
  const uint64_t unit = region.whole_pages ? kPage : kUnit;
  const uint64_t size = round_up(region.size, unit);
  if (size < region.size) return CUDA_ERROR_OUT_OF_MEMORY;
  if (!charge(region.device, size)) return CUDA_ERROR_OUT_OF_MEMORY;
  std::unique_lock lock(mutex_);
  Arena& arena = region.kind == RegionKind::managed ? managed_ : allocations_;
  const std::optional<uint64_t> begin = arena.ranges.allocate(size, std::max(alignment, unit));
  if (!begin || !arena.commit(*begin + size)) {
    if (begin) arena.ranges.release(*begin);
    lock.unlock();
    uncharge(region.device, size);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  region.begin = *begin;
  region.buffer_id = next_buffer_id_++;
  if (region.kind != RegionKind::pool) {
    region.readable = region.kind == RegionKind::managed ? kAllDevices : seen_by(region.device);
    region.writable = region.constant ? 0 : region.readable;
  }
  regions_.emplace(region.begin, region);
  expose(region, region.readable, region.writable);
  return region;
}

bool AddressSpace::release(uint64_t begin, std::initializer_list<RegionKind> kinds) {
  const std::unique_lock lock(mutex_);
  const auto found = regions_.find(begin);
  if (found == regions_.end()) return false;
  const Region region = found->second;
  if (std::find(kinds.begin(), kinds.end(), region.kind) == kinds.end()) return false;
  conceal(region);
  regions_.erase(found);
  if (region.shared) end_sharing(region);
  discard_locked(begin, region.device);
  return true;
}

void AddressSpace::discard_locked(uint64_t begin, int device) {
  const uint64_t size = arena_of(begin).ranges.release(begin);
  used_[static_cast<size_t>(device)] -= size;
  if (size < kReturnSize) return;
  const uint64_t first = round_up(begin, kPage);
  madvise(reinterpret_cast<void*>(first), (begin + size - first) & ~(kPage - 1), MADV_FREE);
}

uint64_t AddressSpace::withdraw(uint64_t begin, RegionKind kind) {
  const std::unique_lock lock(mutex_);
  const auto found = regions_.find(begin);
  if (found == regions_.end() || found->second.kind != kind) return 0;
  conceal(found->second);
  if (found->second.shared) end_sharing(found->second);
  regions_.erase(found);
  return arena_of(begin).ranges.size_of(begin);
}

void AddressSpace::place(Region region) {
  const std::unique_lock lock(mutex_);
  region.buffer_id = next_buffer_id_++;
  regions_.emplace(region.begin, region);
  expose(region, region.readable, region.writable);
}

void AddressSpace::discard(uint64_t begin, int device) {
  const std::unique_lock lock(mutex_);
  discard_locked(begin, device);
}

bool AddressSpace::add(Region region) {
  const std::unique_lock lock(mutex_);
  const auto next = regions_.lower_bound(region.begin);
  if (next != regions_.end() && next->second.begin < region.end()) return false;
  if (next != regions_.begin() && std::prev(next)->second.end() > region.begin) return false;
  region.buffer_id = next_buffer_id_++;
  regions_.emplace(region.begin, region);
  expose(region, region.readable, region.writable);
  return true;
}

std::optional<Region> AddressSpace::remove(uint64_t begin, RegionKind kind) {
  const std::unique_lock lock(mutex_);
  const auto found = regions_.find(begin);
  if (found == regions_.end() || found->second.kind != kind) return std::nullopt;
  const Region region = found->second;
  conceal(region);
  regions_.erase(found);
  return region;
}

std::optional<Region> AddressSpace::find(uint64_t address) const {
  const std::shared_lock lock(mutex_);
  auto next = regions_.upper_bound(address);
  if (next == regions_.begin()) return std::nullopt;
  --next;
  if (address - next->first >= next->second.size) return std::nullopt;
  return next->second;
}

bool AddressSpace::update(uint64_t address, const std::function<void(Region&)>& change) {
  const std::unique_lock lock(mutex_);
  auto next = regions_.upper_bound(address);
  if (next == regions_.begin()) return false;
  --next;
  Region& region = next->second;
  if (address - region.begin >= region.size) return false;
  const Region before = region;
  change(region);
  if (region.readable != before.readable || region.writable != before.writable) {
    conceal(before);
    expose(region, region.readable, region.writable);
  }
  return true;
}

std::vector<Region> AddressSpace::owned_by(uint64_t context) const {
  std::vector<Region> result;
  const std::shared_lock lock(mutex_);
  for (const auto& [begin, region] : regions_)
    if (region.context == context) result.push_back(region);
  return result;
}

std::vector<Region> AddressSpace::of_pool(uint64_t pool) const {
  std::vector<Region> result;
  const std::shared_lock lock(mutex_);
  for (const auto& [begin, region] : regions_)
    if (region.kind == RegionKind::pool && region.pool == pool) result.push_back(region);
  return result;
}

CUresult AddressSpace::check_range(uint64_t begin, uint64_t size, bool allow_pageable) const {
  if (begin + size < begin) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t end = begin + size;
  const std::shared_lock lock(mutex_);
  auto next = regions_.upper_bound(begin);
  if (next != regions_.begin() && std::prev(next)->second.end() > begin) {
    // Neighbouring mappings make one range, neighbouring allocations do not.
    for (auto at = std::prev(next);; ++at) {
      // A mapping without access is not there for anybody.
      if (at->second.kind == RegionKind::mapped && at->second.readable == 0) return CUDA_ERROR_INVALID_VALUE;
      if (at->second.end() >= end) return CUDA_SUCCESS;
      const auto following = std::next(at);
      const bool joined = following != regions_.end() && following->first == at->second.end() &&
                          at->second.kind == RegionKind::mapped && following->second.kind == RegionKind::mapped;
      if (!joined) return CUDA_ERROR_INVALID_VALUE;
    }
  }
  if (!allow_pageable || begin < kPage || in_stretch(begin) || in_stretch(end - 1)) return CUDA_ERROR_INVALID_VALUE;
  // A range that runs from pageable into pinned memory is refused, as CUDA refuses partly registered ranges.
  return next != regions_.end() && next->first < end ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

bool AddressSpace::charge(int device, uint64_t bytes) {
  const size_t index = static_cast<size_t>(device);
  const std::unique_lock lock(mutex_);
  if (bytes > devices_[index]->total_memory() - used_[index]) return false;
  used_[index] += bytes;
  return true;
}

void AddressSpace::uncharge(int device, uint64_t bytes) {
  const std::unique_lock lock(mutex_);
  used_[static_cast<size_t>(device)] -= bytes;
}

uint64_t AddressSpace::used(int device) const {
  const std::shared_lock lock(mutex_);
  return used_[static_cast<size_t>(device)];
}

uint64_t AddressSpace::charged_for(uint64_t begin) const {
  const std::shared_lock lock(mutex_);
  return arena_of(begin).ranges.size_of(begin);
}

uint64_t AddressSpace::reserve(uint64_t size, uint64_t alignment, uint64_t wanted) {
  const std::unique_lock lock(mutex_);
  uint64_t begin = 0;
  if (wanted != 0 && reservations_.allocate_at(wanted, size)) begin = wanted;
  if (begin == 0) begin = reservations_.allocate(size, alignment).value_or(0);
  if (begin != 0) reserved_.emplace(begin, size);
  return begin;
}

bool AddressSpace::unreserve(uint64_t begin, uint64_t size) {
  const std::unique_lock lock(mutex_);
  const auto found = reserved_.find(begin);
  if (found == reserved_.end() || found->second != size) return false;
  const auto inside = regions_.lower_bound(begin);
  if (inside != regions_.end() && inside->first < begin + size) return false;
  reserved_.erase(found);
  reservations_.release(begin);
  return true;
}

std::optional<std::pair<uint64_t, uint64_t>> AddressSpace::find_reservation(uint64_t address) const {
  const std::shared_lock lock(mutex_);
  auto next = reserved_.upper_bound(address);
  if (next == reserved_.begin()) return std::nullopt;
  --next;
  if (address - next->first >= next->second) return std::nullopt;
  return *next;
}

bool AddressSpace::is_reserved(uint64_t begin, uint64_t size) const {
  const std::shared_lock lock(mutex_);
  auto next = reserved_.upper_bound(begin);
  if (next == reserved_.begin()) return false;
  --next;
  return begin - next->first <= next->second && size <= next->second - (begin - next->first);
}

void AddressSpace::forget_mapping(uint64_t begin, uint64_t size) {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  void* const memory = reinterpret_cast<void*>(begin);
  // Where the process has as many mappings as it may, the memory stays, but is out of reach.
  if (mmap(memory, size, PROT_NONE, kFlags, -1, 0) == MAP_FAILED) mprotect(memory, size, PROT_NONE);
}

void AddressSpace::expose(const Region& region, DeviceMask readable, DeviceMask writable) {
  // An allocation of ours occupies whole units; of other memory, only what was named is known to be there.
  const uint64_t size = in_stretch(region.begin) ? round_up(region.size, kGrain) : region.size;
  for (size_t i = 0; i < devices_.size(); ++i)
    if ((readable >> i & 1) != 0)
      devices_[i]->memory_map().add(region.begin, size, (writable >> i & 1) != 0 && !region.constant);
}

void AddressSpace::conceal(const Region& region) {
  for (size_t i = 0; i < devices_.size(); ++i)
    if ((region.readable >> i & 1) != 0) devices_[i]->memory_map().remove(region.begin);
}

void AddressSpace::set_peer_access(int from, int to, bool enabled) {
  const std::unique_lock lock(mutex_);
  const DeviceMask bit = DeviceMask{1} << from;
  DeviceMask& seen = peers_[static_cast<size_t>(to)];
  seen = enabled ? seen | bit : seen & ~bit;
  for (auto& [begin, region] : regions_) {
    const bool follows =
        region.kind == RegionKind::device || region.kind == RegionKind::array || region.kind == RegionKind::module;
    if (region.device != to || !follows) continue;
    conceal(region);
    region.readable = enabled ? region.readable | bit : region.readable & ~bit;
    region.writable = region.constant ? 0 : region.readable;
    expose(region, region.readable, region.writable);
  }
}

}  // namespace vgpu::soft
