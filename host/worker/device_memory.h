// SPDX-License-Identifier: Apache-2.0
// DeviceMemory: what this session has allocated on the device, by every path, held against the budget that the
// daemon grants. Reserve first, then ask the driver; give back what the driver refused. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "host/worker/core.h"

namespace vgpu::host {

class DeviceMemory {
 public:
  explicit DeviceMemory(MemoryBudget& budget) : budget_(budget) {}

  // False when the limit is reached: the caller reports CUDA_ERROR_OUT_OF_MEMORY.
  bool reserve(uint64_t bytes) { return budget_.limit() == 0 || budget_.reserve(bytes); }
  void cancel(uint64_t bytes) {
    if (budget_.limit() != 0) budget_.release(bytes);
  }
  // The reservation now belongs to this allocation.
  void keep(uint64_t key, uint64_t bytes);
  // The allocation is gone.
  void free(uint64_t key);

  // Bytes, of this session.
  uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  uint64_t limit() const { return budget_.limit(); }
  uint64_t used() const { return budget_.used(); }

 private:
  MemoryBudget& budget_;
  std::atomic<uint64_t> held_{0};
  std::mutex mutex_;  // guards bytes_
  std::unordered_map<uint64_t, uint64_t> bytes_;
};

}  // namespace vgpu::host
