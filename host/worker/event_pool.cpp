// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Event Management.
#include "host/worker/event_pool.h"

namespace vgpu::host {

EventPool::Unused* EventPool::find(const Event& event) {
  const auto entry = unused_.find(event.context);
  return entry != unused_.end() && entry->second.life == event.life ? &entry->second : nullptr;
}

EventPool::Event EventPool::take(const Driver& driver, uint64_t context) {
  if (context == 0) return {};
  const std::lock_guard lock(mutex_);
  Unused& unused = unused_[context];
  if (unused.life == 0) unused.life = ++lives_;
  Event taken = {context, unused.life, nullptr};
  if (!unused.events.empty()) {
    taken.event = unused.events.back();
    unused.events.pop_back();
    return taken;
  }
  const auto flags = static_cast<unsigned>(CU_EVENT_DISABLE_TIMING);
  return VGPU_DRIVER(driver, cuEventCreate)(&taken.event, flags) == CUDA_SUCCESS ? taken : Event{};
}

EventPool::Event EventPool::record(const Driver& driver, uint64_t context, CUstream stream) {
  const Event taken = take(driver, context);
  if (!taken || VGPU_DRIVER(driver, cuEventRecord)(taken.event, stream) == CUDA_SUCCESS) return taken;
  put_back(taken);
  return {};
}

CUresult EventPool::query(const Driver& driver, const Event& event) {
  const std::lock_guard lock(mutex_);
  return find(event) == nullptr ? CUDA_ERROR_CONTEXT_IS_DESTROYED : VGPU_DRIVER(driver, cuEventQuery)(event.event);
}

CUresult EventPool::wait(const Driver& driver, const Event& event) {
  {
    const std::lock_guard lock(mutex_);
    if (find(event) == nullptr) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  }
  return VGPU_DRIVER(driver, cuEventSynchronize)(event.event);
}

void EventPool::put_back(const Event& event) {
  const std::lock_guard lock(mutex_);
  if (Unused* const unused = find(event)) unused->events.push_back(event.event);
}

void EventPool::forget_context(uint64_t context) {
  const std::lock_guard lock(mutex_);
  unused_.erase(context);
}

}  // namespace vgpu::host
