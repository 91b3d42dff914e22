// SPDX-License-Identifier: Apache-2.0
// Helpers: threads for calls that may block, so that the dispatcher never waits. Each guest thread has one of its own
// for as long as it lives, because a driver keeps things by thread: NVIDIA's compiler loses its memory when a link is
// begun on one thread and ended on another. So its tasks run one after another in the order given, and those of
// different guest threads side by side. The thread of a guest thread that has ended serves a new one. Blocking calls
// seldom come alone, and waking a thread takes longer than most of them: one helper at a time looks for its next task
// for a moment before it sleeps, as long as that pays (Spinner::adaptive). Thread-safe.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "common/spin.h"

namespace vgpu::host {

class Helpers {
 public:
  using Task = std::function<void()>;

  // `linger`: how long that moment is at most; none on a machine with few processors, where it takes them from others.
  static std::chrono::microseconds suitable_linger();
  // Guest threads at a time. A guest can make up their numbers, and threads are the whole machine's.
  static constexpr size_t kMost = 1024;
  explicit Helpers(std::chrono::microseconds linger = suitable_linger(), size_t most = kMost)
      : linger_(linger), most_(most) {}
  ~Helpers();
  // Whether the guest thread has a helper, or gets one. False where there are too many, or no thread can be started.
  bool make_ready(uint32_t guest_thread);
  // False, and the task is as it was, for a guest thread that make_ready() refuses.
  bool submit(uint32_t guest_thread, Task&& task);
  // The guest thread has ended: nothing is submitted for it any more. What was, is done first.
  void retire(uint32_t guest_thread);
  // Whether a task of this guest thread waits or runs. Costs no lock where none of any thread does.
  bool busy(uint32_t guest_thread);
  // From a task: it has done what it was for, and is about to say so. The next command of its guest thread comes at
  // once, and must not find it running.
  void finishing();

 private:
  struct Helper {
    std::deque<Task> tasks;
    std::condition_variable wake;
    std::atomic<uint64_t> submitted{0};  // tasks so far, for a look without the mutex
    bool running = false;
    bool retired = false;
    std::thread thread;
  };
  Helper* helper_of(uint32_t guest_thread);
  void work(Helper& self);
  void linger(const Helper& self, uint64_t seen, Spinner& spinner);

  static thread_local Helper* own_;  // of the thread that asks; null when it is no helper

  const std::chrono::microseconds linger_;
  const size_t most_;
  std::atomic<bool> someone_lingers_{false};
  std::atomic<size_t> unfinished_{0};  // tasks of all guest threads that wait or run
  std::mutex mutex_;                   // guards all below, and every helper
  std::vector<std::unique_ptr<Helper>> helpers_;
  std::unordered_map<uint32_t, Helper*> by_guest_thread_;
  std::vector<Helper*> free_;  // of guest threads that have ended
  bool stopping_ = false;
};

}  // namespace vgpu::host
