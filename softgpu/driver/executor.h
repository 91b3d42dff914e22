// SPDX-License-Identifier: Apache-2.0
// The threads that run streams' queues and graph branches. A task may block as long as it likes (a kernel runs, a host
// function waits): a task that finds no idle thread gets a new one, and threads that have been idle for some seconds
// end. Idle threads sleep. Any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace vgpu::soft {

class Executor {
 public:
  Executor() = default;
  // Runs the task on another thread, soon.
  void submit(std::function<void()> task);

 private:
  void work();

  std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  size_t idle_ = 0;
  size_t threads_ = 0;
};

}  // namespace vgpu::soft
