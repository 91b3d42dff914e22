// SPDX-License-Identifier: Apache-2.0
// One run of asynchronous work, from the view of those who wait for it: threads block on it, streams subscribe to it.
// Made when work is enqueued, completed once by whoever ran it. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class Completion : public RefCounted {
 public:
  Completion() = default;

  bool done() const { return done_.load(std::memory_order_acquire) != 0; }
  // Blocks, sleeping, until done.
  void wait() const { done_.wait(0, std::memory_order_acquire); }
  // Valid once done: the work's result and the time it ended, nanoseconds of the monotonic clock.
  CUresult result() const { return result_; }
  uint64_t time_ns() const { return time_ns_; }

  // Runs `then` on the completing thread when the work is done; false, without running it, when it already is.
  // `then` must be short and must not wait.
  bool subscribe(std::function<void()> then);
  // The same, but before anybody can see that the work is done, which another process must learn of even if this one
  // waits for the work and then ends. `then` may take no lock.
  bool subscribe_first(std::function<void()> then);
  // Once: finish, then announce.
  void complete(CUresult result);
  // The two halves, for callers whose own mutex must cover the moment at which the work counts as done: finish() makes
  // done() true and runs who must come first; announce() wakes the waiters and must follow with no lock held.
  void finish(CUresult result);
  void announce();

 private:
  std::atomic<int> done_{0};
  CUresult result_ = CUDA_SUCCESS;
  uint64_t time_ns_ = 0;
  std::mutex mutex_;  // guards the lists; a completion's result is final before they are emptied
  std::vector<std::function<void()>> then_, first_;
};

// Nanoseconds of the monotonic clock.
uint64_t monotonic_ns();

}  // namespace vgpu::soft
