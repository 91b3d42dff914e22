// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/executor.h"

#include <chrono>

#include "common/background_thread.h"
#include "common/log.h"

namespace vgpu::soft {
namespace {

constexpr auto kIdleLife = std::chrono::seconds(10);

}  // namespace

void Executor::submit(std::function<void()> task) {
  std::unique_lock lock(mutex_);
  tasks_.push_back(std::move(task));
  if (idle_ >= tasks_.size()) {
    lock.unlock();
    wake_.notify_one();
    return;
  }
  if (start_background_thread("vgpu-soft-queue", [this] { work(); })) {
    ++threads_;
    return;
  }
  if (threads_ > 0) return;  // A busy thread takes it when it is done.
  VGPU_WARN("software GPU: no thread could be started, work runs on the caller's");
  const std::function<void()> mine = std::move(tasks_.back());
  tasks_.pop_back();
  lock.unlock();
  mine();
}

void Executor::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    while (!tasks_.empty()) {
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
    ++idle_;
    const bool woken = wake_.wait_for(lock, kIdleLife, [this] { return !tasks_.empty(); });
    --idle_;
    if (woken) continue;
    --threads_;
    return;
  }
}

}  // namespace vgpu::soft
