// SPDX-License-Identifier: Apache-2.0
// DeviceRanges: linear device memory that this program has allocated and not freed. What lies within one of them needs
// no question to the worker: copies and sets there can be posted, because CUDA's checks are made here. Memory by other
// ways (virtual memory management, IPC, variables of modules) is not in it. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <shared_mutex>

namespace vgpu::guest {

class DeviceRanges {
 public:
  void add(uint64_t address, uint64_t bytes);
  // The range that begins there, if there is one.
  void remove(uint64_t address);
  // All of them: a context died, and its memory with it.
  void clear();

  bool contains(uint64_t address, uint64_t bytes) const;
  bool begins_at(uint64_t address) const;

 private:
  mutable std::shared_mutex mutex_;      // guards ranges_
  std::map<uint64_t, uint64_t> ranges_;  // address -> bytes
};

}  // namespace vgpu::guest
