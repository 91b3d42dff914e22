// SPDX-License-Identifier: Apache-2.0
// KnownValues: values that the driver minted and that must reach kernels unchanged, such as texture objects, so that
// they cannot be handles of ours. Remembering them keeps a guest from handing the driver one that it made up.
// Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <set>

namespace vgpu::host::hand {

class KnownValues {
 public:
  void add(uint64_t value) {
    const std::lock_guard lock(mutex_);
    values_.insert(value);
  }
  bool contains(uint64_t value) const {
    const std::lock_guard lock(mutex_);
    return values_.contains(value);
  }
  void drop(uint64_t value) {
    const std::lock_guard lock(mutex_);
    values_.erase(value);
  }

 private:
  mutable std::mutex mutex_;  // guards values_
  std::set<uint64_t> values_;
};

}  // namespace vgpu::host::hand
