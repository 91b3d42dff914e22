// SPDX-License-Identifier: Apache-2.0
// Helpers: threads for calls that may block, so that the dispatcher never waits (design D5). Each guest thread has one
// of its own for as long as it lives, because a driver keeps things by thread: NVIDIA's compiler loses its memory when
// a link is begun on one thread and ended on another. So its tasks run one after another in the order given, and those
// of different guest threads side by side. The thread of a guest thread that has ended serves a new one. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace vgpu::host {

class Helpers {
 public:
  using Task = std::function<void()>;

  ~Helpers();
  void submit(uint32_t guest_thread, Task task);
  // The guest thread has ended: nothing is submitted for it any more. What was, is done first.
  void retire(uint32_t guest_thread);
  // Whether a task of this guest thread waits or runs.
  bool busy(uint32_t guest_thread);

 private:
  struct Helper {
    std::deque<Task> tasks;
    std::condition_variable wake;
    bool running = false;
    bool retired = false;
    std::thread thread;
  };
  Helper& helper_of(uint32_t guest_thread);
  void work(Helper& self);

  std::mutex mutex_;  // guards all below, and every helper
  std::vector<std::unique_ptr<Helper>> helpers_;
  std::unordered_map<uint32_t, Helper*> by_guest_thread_;
  std::vector<Helper*> free_;  // of guest threads that have ended
  bool stopping_ = false;
};

}  // namespace vgpu::host
