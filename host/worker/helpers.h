// SPDX-License-Identifier: Apache-2.0
// Helpers: threads for calls that may block, so that the dispatcher never waits (design D5). Tasks of one guest thread
// run one after another in the order given; different guest threads run side by side. Threads are started on demand
// and kept for the next task. Thread-safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
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
  // Whether a task of this guest thread waits or runs.
  bool busy(uint32_t guest_thread);

 private:
  struct Strand {
    std::deque<Task> tasks;
    bool running = false;
  };
  void work();

  std::mutex mutex_;  // guards all below
  std::condition_variable wake_;
  std::unordered_map<uint32_t, Strand> strands_;
  std::deque<uint32_t> ready_;  // strands with tasks that no thread runs
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace vgpu::host
