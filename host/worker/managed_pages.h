// SPDX-License-Identifier: Apache-2.0
// ManagedPages: pages around managed variables whose addresses this guest was told, and which it may read and write.
// Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

namespace vgpu::host {

class ManagedPages {
 public:
  // [address, address + size), as pages of the ring's size.
  void add(uint64_t address, uint64_t size);
  // Whether every byte lies around one of the variables. An empty range is contained nowhere.
  bool contains(uint64_t address, uint64_t size) const;

 private:
  mutable std::mutex mutex_;           // guards the following
  std::map<uint64_t, uint64_t> ends_;  // by address of the first page; neither overlapping nor touching
};

}  // namespace vgpu::host
