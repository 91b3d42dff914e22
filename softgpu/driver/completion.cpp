// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/completion.h"

#include <ctime>

namespace vgpu::soft {

uint64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

bool Completion::subscribe(std::function<void()> then) {
  const std::lock_guard lock(mutex_);
  if (done()) return false;
  then_.push_back(std::move(then));
  return true;
}

bool Completion::subscribe_first(std::function<void()> then) {
  const std::lock_guard lock(mutex_);
  if (done()) return false;
  first_.push_back(std::move(then));
  return true;
}

void Completion::finish(CUresult result) {
  result_ = result;
  time_ns_ = monotonic_ns();
  const std::lock_guard lock(mutex_);
  for (const auto& function : first_) function();
  first_.clear();
  done_.store(1, std::memory_order_release);  // Pairs with done(): who sees it sees the result and the work's effects.
}

void Completion::announce() {
  done_.notify_all();
  std::vector<std::function<void()>> then;
  {
    // A subscriber that takes the mutex after this sees done_ and does not enter the list.
    const std::lock_guard lock(mutex_);
    then.swap(then_);
  }
  for (const auto& function : then) function();
}

void Completion::complete(CUresult result) {
  finish(result);
  announce();
}

}  // namespace vgpu::soft
