// SPDX-License-Identifier: Apache-2.0
// AsyncCallbacks: who has registered for a device's asynchronous notifications. The only one that CUDA has tells a
// process that it holds more memory than its budget of the device (CU_ASYNC_NOTIFICATION_TYPE_OVER_BUDGET), and neither
// side of ours lets one hold more, so none is ever sent. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

namespace vgpu {

class AsyncCallbacks {
 public:
  static AsyncCallbacks& of_process() {
    static auto& all = *new AsyncCallbacks;  // Used until the very end of the process.
    return all;
  }

  // A handle that no other registration has had.
  void* add(int device) {
    const std::lock_guard lock(mutex_);
    devices_[++last_] = device;
    // SAFETY: a handle is a number here; nobody looks behind it.
    return reinterpret_cast<void*>(last_);
  }

  // False when the device has no such registration.
  bool remove(int device, const void* handle) {
    const std::lock_guard lock(mutex_);
    const auto found = devices_.find(reinterpret_cast<uintptr_t>(handle));
    if (found == devices_.end() || found->second != device) return false;
    devices_.erase(found);
    return true;
  }

 private:
  std::mutex mutex_;
  std::map<uintptr_t, int> devices_;
  uintptr_t last_ = 0;
};

}  // namespace vgpu
