// SPDX-License-Identifier: Apache-2.0
// Spinner: spins for a bounded time before its owner goes to sleep (design D7). The bound shrinks while spinning does
// not pay and is close to nothing on machines with few processors, where a spinner takes its peer's processor away.
// One thread owns one.
#pragma once

#include <chrono>
#include <thread>

namespace vgpu {

inline void cpu_relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Asked of the kernel once: its answer comes from files, which takes longer than a call of the driver.
inline bool has_processors_to_spare() {
  static const bool value = std::thread::hardware_concurrency() > 3;
  return value;
}

class Spinner {
 public:
  Spinner() : limit_(short_limit()) {}
  // For waits that the device decides, for which it needs `expected` at least: CUDA itself spins there.
  static Spinner for_device(std::chrono::microseconds expected = {}) {
    return Spinner(has_processors_to_spare() ? kDeviceLimit + expected : short_limit());
  }

  // Call before a new wait.
  void reset() { rounds_ = 0; }

  // Waits for one pause; false when it is time to sleep. What the caller waits for shows within that time: thirty
  // pauses in a row are as long as a whole way to the other side and back. The clock costs more than a pause, so it is
  // asked now and then.
  bool spin() {
    using Clock = std::chrono::steady_clock;
    if (rounds_++ % kRoundsPerLookAtClock == 0) {
      const Clock::time_point now = Clock::now();
      if (rounds_ == 1) deadline_ = now + limit_;
      else if (now >= deadline_) return false;
    }
    cpu_relax();
    return true;
  }

 private:
  static constexpr std::chrono::microseconds kDeviceLimit{500};
  static constexpr unsigned kRoundsPerLookAtClock = 32;
  explicit Spinner(std::chrono::microseconds limit) : limit_(limit) {}
  static std::chrono::microseconds short_limit() {
    return std::chrono::microseconds(has_processors_to_spare() ? 60 : 8);
  }

  std::chrono::microseconds limit_;
  unsigned rounds_ = 0;
  std::chrono::steady_clock::time_point deadline_ = {};
};

}  // namespace vgpu
