// SPDX-License-Identifier: Apache-2.0
#include "host/worker/helpers.h"

#include <system_error>
#include <utility>

#include "host/worker/own_threads.h"

namespace vgpu::host {

thread_local Helpers::Helper* Helpers::own_ = nullptr;

std::chrono::microseconds Helpers::suitable_linger() { return std::chrono::microseconds(is_confined() ? 0 : 500); }

Helpers::~Helpers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (const auto& helper : helpers_) {
      helper->submitted.fetch_add(1, std::memory_order_relaxed);
      helper->wake.notify_one();
    }
  }
  for (const auto& helper : helpers_) helper->thread.join();
}

// Null when there is none to be had.
Helpers::Helper* Helpers::helper_of(uint32_t guest_thread) {
  const auto known = by_guest_thread_.find(guest_thread);
  if (known != by_guest_thread_.end()) return known->second;
  Helper* helper = nullptr;
  if (!free_.empty()) {
    helper = free_.back();
    free_.pop_back();
  } else if (helpers_.size() < most_) {
    auto made = std::make_unique<Helper>();
    helper = made.get();
    try {
      helper->thread = std::thread([this, helper] { work(*helper); });
    } catch (const std::system_error&) {
      return nullptr;
    }
    helpers_.push_back(std::move(made));
  } else {
    return nullptr;
  }
  by_guest_thread_.emplace(guest_thread, helper);
  return helper;
}

bool Helpers::make_ready(uint32_t guest_thread) {
  const std::lock_guard lock(mutex_);
  return helper_of(guest_thread) != nullptr;
}

bool Helpers::submit(uint32_t guest_thread, Task&& task) {
  const std::lock_guard lock(mutex_);
  Helper* const helper = helper_of(guest_thread);
  if (helper == nullptr) return false;
  unfinished_.fetch_add(1, std::memory_order_relaxed);
  helper->tasks.push_back(std::move(task));
  helper->submitted.fetch_add(1, std::memory_order_relaxed);
  helper->wake.notify_one();
  return true;
}

void Helpers::retire(uint32_t guest_thread) {
  const std::lock_guard lock(mutex_);
  const auto found = by_guest_thread_.find(guest_thread);
  if (found == by_guest_thread_.end()) return;
  Helper& helper = *found->second;
  by_guest_thread_.erase(found);
  helper.retired = helper.running || !helper.tasks.empty();
  if (!helper.retired) free_.push_back(&helper);
}

bool Helpers::busy(uint32_t guest_thread) {
  if (unfinished_.load(std::memory_order_acquire) == 0) return false;
  const std::lock_guard lock(mutex_);
  const auto found = by_guest_thread_.find(guest_thread);
  return found != by_guest_thread_.end() && (found->second->running || !found->second->tasks.empty());
}

void Helpers::finishing() {
  if (own_ == nullptr) return;
  const std::lock_guard lock(mutex_);
  own_->running = false;
}

// Only a hint: what there is to do is found under the mutex.
void Helpers::linger(const Helper& self, uint64_t seen, Spinner& spinner) {
  spinner.reset();
  if (linger_.count() == 0 || someone_lingers_.exchange(true, std::memory_order_relaxed)) return;
  while (self.submitted.load(std::memory_order_relaxed) == seen && spinner.spin()) continue;
  someone_lingers_.store(false, std::memory_order_relaxed);
}

void Helpers::work(Helper& self) {
  count_as_ours();
  own_ = &self;
  const auto is_due = [&] { return stopping_ || !self.tasks.empty(); };
  Spinner spinner = Spinner::adaptive(linger_);
  std::unique_lock lock(mutex_);
  for (;;) {
    if (!is_due()) {
      self.wake.wait(lock, is_due);
      spinner.slept();
    }
    if (stopping_) return;
    Task task = std::move(self.tasks.front());
    self.tasks.pop_front();
    self.running = true;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    self.running = false;
    unfinished_.fetch_sub(1, std::memory_order_release);
    if (!self.tasks.empty()) continue;
    if (std::exchange(self.retired, false)) free_.push_back(&self);
    const uint64_t seen = self.submitted.load(std::memory_order_relaxed);
    lock.unlock();
    linger(self, seen, spinner);
    lock.lock();
  }
}

}  // namespace vgpu::host
