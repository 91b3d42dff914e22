// SPDX-License-Identifier: Apache-2.0
// GuestWait: that a guest thread waits for a word which the device will write (wire::kMarkedWait). It will send more
// when the word is there, so the dispatcher does not fall asleep before: to wake it takes longer than a launch. The
// word is the guest's to write as well, so it is a hint, and one with an end. The dispatcher's thread only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace vgpu::host {

class GuestWait {
 public:
  // The latest wait counts: several threads that wait seldom go on waiting much longer than that.
  void begin(const std::atomic<uint32_t>& word, uint32_t value) {
    word_ = &word;
    value_ = value;
    until_ = Clock::now() + kPatience;
  }
  bool is_under_way() {
    if (word_ == nullptr) return false;
    if (word_->load(std::memory_order_relaxed) != value_ && Clock::now() < until_) return true;
    word_ = nullptr;
    return false;
  }

 private:
  using Clock = std::chrono::steady_clock;
  // As long as the dispatcher watches markers of its own (waiting_room.cpp).
  static constexpr std::chrono::milliseconds kPatience{50};

  const std::atomic<uint32_t>* word_ = nullptr;
  uint32_t value_ = 0;
  Clock::time_point until_ = {};
};

}  // namespace vgpu::host
