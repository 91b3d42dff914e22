// SPDX-License-Identifier: Apache-2.0
// AnswersDue: that helpers owe answers to guest threads, who will send more when they have them. To wake the dispatcher
// for that takes as long as to load a module, so it does not fall asleep before, for a while. The dispatcher's thread,
// but for remove().
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace vgpu::host {

class AnswersDue {
 public:
  // `waits`: for what the device does, and natively the thread would stay awake as long.
  void add(bool waits = false) {
    count_.fetch_add(1, std::memory_order_relaxed);
    until_ = std::max(until_, Clock::now() + (waits ? kPatienceOfWaits : kPatience));
  }
  // It is out. Any thread.
  void remove() { count_.fetch_sub(1, std::memory_order_relaxed); }
  bool come_soon() const { return count_.load(std::memory_order_relaxed) != 0 && Clock::now() < until_; }

 private:
  using Clock = std::chrono::steady_clock;
  // What takes longer does not become much longer by a wake-up.
  static constexpr std::chrono::milliseconds kPatience{1}, kPatienceOfWaits{50};

  std::atomic<uint32_t> count_{0};
  Clock::time_point until_ = {};
};

}  // namespace vgpu::host
