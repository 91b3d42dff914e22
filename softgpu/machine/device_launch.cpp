// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/device_launch.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <iterator>

#include "softgpu/machine/memory_map.h"

namespace vgpu::soft {

namespace {
constexpr uint64_t kSlab = 1 << 16;
// A GPU holds 2048 at a time unless told otherwise (cudaLimitDevRuntimePendingLaunchCount), but starts them meanwhile.
constexpr size_t kMostWaiting = 1 << 20;
constexpr uint64_t kFirstHandle = 0x1000;  // above the numbers of special streams
}  // namespace

DeviceLaunches::~DeviceLaunches() {
  for (const RowMemory& slab : slabs_) map_.remove(reinterpret_cast<uint64_t>(slab.data()));
}

uint64_t DeviceLaunches::reserve(uint64_t bytes) {
  bytes = (std::max<uint64_t>(bytes, 1) + 15) / 16 * 16;
  if (bytes > kSlab) return 0;
  if (slabs_.empty() || used_ + bytes > kSlab) {
    slabs_.emplace_back(kSlab);
    map_.add(reinterpret_cast<uint64_t>(slabs_.back().data()), kSlab, true);
    used_ = 0;
  }
  const uint64_t address = reinterpret_cast<uint64_t>(slabs_.back().data()) + used_;
  used_ += bytes;
  return address;
}

uint64_t DeviceLaunches::prepare(DeviceWork grid) {
  const std::lock_guard lock(mutex_);
  if (prepared_.size() + queue_.size() + tail_.size() >= kMostWaiting) return 0;
  const uint64_t address = reserve(grid.parameters.size());
  if (address != 0) prepared_.emplace(address, std::move(grid));
  return address;
}

bool DeviceLaunches::launch(uint64_t parameters, bool tail) {
  const std::lock_guard lock(mutex_);
  const auto found = prepared_.find(parameters);
  if (found == prepared_.end()) return false;
  DeviceWork grid = std::move(found->second);
  prepared_.erase(found);
  // SAFETY: reserve() made room for so many bytes at this address.
  std::memcpy(grid.parameters.data(), reinterpret_cast<const void*>(parameters), grid.parameters.size());
  (tail ? tail_ : queue_).push_back(std::move(grid));
  return true;
}

bool DeviceLaunches::add(DeviceWork work, bool tail) {
  const std::lock_guard lock(mutex_);
  if (prepared_.size() + queue_.size() + tail_.size() >= kMostWaiting) return false;
  (tail ? tail_ : queue_).push_back(std::move(work));
  return true;
}

void DeviceLaunches::set_error(uint64_t thread, int error) {
  const std::lock_guard lock(mutex_);
  errors_[thread] = error;
}

int DeviceLaunches::error(uint64_t thread, bool clear) {
  const std::lock_guard lock(mutex_);
  const auto found = errors_.find(thread);
  if (found == errors_.end()) return 0;
  const int error = found->second;
  if (clear) errors_.erase(found);
  return error;
}

uint64_t DeviceLaunches::make_handle() {
  const std::lock_guard lock(mutex_);
  return kFirstHandle + handles_++;
}

bool DeviceLaunches::is_handle(uint64_t handle) {
  const std::lock_guard lock(mutex_);
  return handle >= kFirstHandle && handle - kFirstHandle < handles_;
}

void DeviceLaunches::take(std::vector<DeviceWork>& stack) {
  const std::lock_guard lock(mutex_);
  for (std::vector<DeviceWork>* list : {&tail_, &queue_}) {
    stack.insert(stack.end(), std::make_move_iterator(list->rbegin()), std::make_move_iterator(list->rend()));
    list->clear();
  }
}

Result<void, Fault> move_bytes(const DeviceWork& work, const MemoryMap& map) {
  const auto inside = [&](uint64_t address, bool write) {
    const auto range = map.find(address);
    return range && (range->writable || !write) && work.size <= range->end() - address;
  };
  if (work.size == 0) return {};
  if (!inside(work.to, true) || (work.from != 0 && !inside(work.from, false)))
    return Fault{CUDA_ERROR_ILLEGAL_ADDRESS, "a copy or fill that a kernel asked for leaves its memory"};
  // SAFETY: both ranges are in the map for all of their bytes.
  void* const to = reinterpret_cast<void*>(work.to);
  if (work.from == 0) {
    std::memset(to, work.value, work.size);
  } else {
    std::memmove(to, reinterpret_cast<const void*>(work.from), work.size);
  }
  return {};
}

uint64_t next_device_grid_id() {
  // Above those that the driver counts.
  static std::atomic<uint64_t> next{uint64_t{1} << 48};
  return next.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace vgpu::soft
