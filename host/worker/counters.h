// SPDX-License-Identifier: Apache-2.0
// Counters: what a session has done so far, for statistics. Each thread counts in lines of its own: one place for all
// of them would be fetched from another processor for each command, and to add there atomically would keep a command's
// answer waiting for all stores before it. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>

namespace vgpu::host {

// Written by one thread, read by all.
class Counter {
 public:
  void add(uint64_t more) { value_.store(value() + more, std::memory_order_relaxed); }
  void raise_to(uint64_t least) {
    if (value() < least) value_.store(least, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// What one thread has counted.
struct alignas(128) ThreadCounters {
  Counter commands, posted, replies, helper_calls, parks, wakeups, bytes_inline, bytes_window, bytes_shared, launches,
      refused, ring_depth;
};

class Counters {
 public:
  Counters();
  // The calling thread's.
  ThreadCounters& own() {
    if (mine_.owner == identity_) [[likely]]
      return *mine_.counters;
    return enter();
  }
  uint64_t sum(Counter ThreadCounters::*which) const;

 private:
  struct Mine {
    uint64_t owner = 0;
    ThreadCounters* counters = nullptr;
  };
  ThreadCounters& enter();

  static thread_local constinit Mine mine_;
  const uint64_t identity_;   // never used again, as an address may be
  mutable std::mutex mutex_;  // guards all_; each thread's part is its own
  std::deque<ThreadCounters> all_;
};

}  // namespace vgpu::host
