// SPDX-License-Identifier: Apache-2.0
// WakingPlace: the right of a thread to stay awake while it waits. There are half as many in a process as the machine
// has processors: with more, those who wait would take the processors of those whom they wait for, of a worker beside
// them, too (which has no places). Any thread; one owner each.
#pragma once

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

namespace vgpu {

class WakingPlace {
 public:
  WakingPlace() = default;
  WakingPlace(WakingPlace&& other) noexcept : held_(std::exchange(other.held_, false)) {}
  WakingPlace& operator=(WakingPlace&&) = delete;
  ~WakingPlace() { give_back(); }

  // False when all are taken. Whoever has one keeps it.
  bool take() {
    if (held_) return true;
    if (taken().fetch_add(1, std::memory_order_relaxed) < places()) return held_ = true;
    taken().fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void give_back() {
    if (std::exchange(held_, false)) taken().fetch_sub(1, std::memory_order_relaxed);
  }

  static unsigned places() {
    static const unsigned value = std::max(std::thread::hardware_concurrency() / 2, 1u);
    return value;
  }

 private:
  static std::atomic<unsigned>& taken() {
    static std::atomic<unsigned> value{0};
    return value;
  }

  bool held_ = false;
};

}  // namespace vgpu
