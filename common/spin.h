// SPDX-License-Identifier: Apache-2.0
// Spinner: spins for a bounded time before its owner goes to sleep. The bound is close to nothing on machines with few
// processors, where a spinner takes its peer's processor away. One thread owns one.
#pragma once

#include <algorithm>
#include <chrono>
#include <thread>

#include "common/processors.h"
#include "common/waking_place.h"

namespace vgpu {

inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

constexpr unsigned kFewProcessors = 3;

// Of the machine: a thread that is bound to one may still spin while its peer works on another. Asked of the kernel
// once: its answer comes from files, which takes longer than a call of the driver.
inline bool has_processors_to_spare() {
  static const bool value = std::thread::hardware_concurrency() > kFewProcessors;
  return value;
}

// Whether the calling thread may use few of them only, as it was when it first asked: its peer may need the same one.
inline bool is_confined() {
  static thread_local const bool value = allowed_processors() <= kFewProcessors;
  return value;
}

class Spinner {
 public:
  Spinner() : Spinner(short_limit()) {}
  // For waits that the device decides: CUDA itself spins there. After that it goes on for up to `expected`, if it gets
  // a place (waking_place.h), and yields its processor at each look; from the beginning where the thread is confined.
  static Spinner for_device(std::chrono::microseconds expected = {}, bool may_spin = has_processors_to_spare(),
                            bool confined = is_confined()) {
    if (!may_spin) return Spinner(short_limit());
    Spinner spinner(confined ? std::chrono::microseconds(0) : kDeviceLimit);
    spinner.yielding_ = confined ? kDeviceLimit + expected : expected;
    return spinner;
  }

  // For an owner that waits again and again: the bound shrinks while what comes takes longer than `longest`, and grows
  // as soon as it does not, as a hypervisor polls before it halts a processor.
  static Spinner adaptive(std::chrono::microseconds longest) {
    Spinner spinner(longest);
    spinner.shortest_ = std::min(short_limit(), longest);
    return spinner;
  }
  // Where the owner's threads and their peers share few processors, it is as short as can be.
  static Spinner adaptive() { return adaptive(is_confined() ? kShortestLimit : kDeviceLimit); }

  // Call before a new wait.
  void reset() {
    rounds_ = 0;
    place_.give_back();
  }

  // Waits for one pause; false when it is time to sleep. What the caller waits for shows within that time: thirty
  // pauses in a row are as long as a whole way to the other side and back. The clock costs more than a pause, so it is
  // asked now and then.
  bool spin() {
    if (rounds_++ % kRoundsPerLookAtClock == 0) {
      const Clock::time_point now = Clock::now();
      if (rounds_ == 1) begin_ = now;
      yields_ = now >= begin_ + limit_;
      if (rounds_ > 1 && (now >= begin_ + limit_ + yielding_ || (yields_ && !place_.take()))) {
        place_.give_back();
        return false;
      }
    }
    if (yields_) std::this_thread::yield();
    else cpu_relax();
    return true;
  }

  // What was waited for has come, and found the owner asleep. Ends the wait.
  void slept() {
    if (rounds_ != 0) limit_ = Clock::now() - begin_ <= longest_ ? longest_ : std::max(limit_ / 2, shortest_);
    reset();
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kDeviceLimit{500}, kShortLimit{60}, kShortestLimit{8};
  static constexpr unsigned kRoundsPerLookAtClock = 32;
  explicit Spinner(std::chrono::microseconds limit) : limit_(limit), shortest_(limit), longest_(limit) {}
  static std::chrono::microseconds short_limit() { return has_processors_to_spare() ? kShortLimit : kShortestLimit; }

  std::chrono::microseconds limit_, shortest_, longest_;
  std::chrono::microseconds yielding_{0};  // how long it spins on after the limit, letting others run
  bool yields_ = false;
  WakingPlace place_;
  unsigned rounds_ = 0;  // of this wait
  Clock::time_point begin_ = {};
};

}  // namespace vgpu
