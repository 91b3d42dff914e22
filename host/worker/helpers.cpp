// SPDX-License-Identifier: Apache-2.0
#include "host/worker/helpers.h"

#include <utility>

#include "host/worker/own_threads.h"

namespace vgpu::host {

Helpers::~Helpers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Helpers::submit(uint32_t guest_thread, Task task) {
  const std::lock_guard lock(mutex_);
  Strand& strand = strands_[guest_thread];
  strand.tasks.push_back(std::move(task));
  if (strand.running) return;
  strand.running = true;
  ready_.push_back(guest_thread);
  // More ready strands than idle threads: another one, because a task may block for as long as it likes.
  if (ready_.size() > idle_) threads_.emplace_back([this] { work(); });
  wake_.notify_one();
}

bool Helpers::busy(uint32_t guest_thread) {
  const std::lock_guard lock(mutex_);
  return strands_.contains(guest_thread);
}

void Helpers::work() {
  count_as_ours();
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [&] { return stopping_ || !ready_.empty(); });
    --idle_;
    if (stopping_) return;
    const uint32_t guest_thread = ready_.front();
    ready_.pop_front();
    const Task task = std::move(strands_[guest_thread].tasks.front());
    strands_[guest_thread].tasks.pop_front();
    lock.unlock();
    task();
    lock.lock();
    const auto strand = strands_.find(guest_thread);
    if (strand->second.tasks.empty()) strands_.erase(strand);
    else ready_.push_back(guest_thread);
  }
}

}  // namespace vgpu::host
