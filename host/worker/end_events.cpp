// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Event Management.
#include "host/worker/end_events.h"

namespace vgpu::host {

EndEvents::Unused* EndEvents::find(const Event& event) {
  const auto entry = unused_.find(event.context);
  return entry != unused_.end() && entry->second.life == event.life ? &entry->second : nullptr;
}

EndEvents::Event EndEvents::record(const Driver& driver, uint64_t context, CUstream stream) {
  if (context == 0) return {};
  const std::lock_guard lock(mutex_);
  Unused& unused = unused_[context];
  if (unused.life == 0) unused.life = ++lives_;
  Event taken = {context, unused.life, nullptr};
  if (!unused.events.empty()) {
    taken.event = unused.events.back();
    unused.events.pop_back();
  } else if (VGPU_DRIVER(driver, cuEventCreate)(&taken.event, static_cast<unsigned>(CU_EVENT_DISABLE_TIMING)) !=
             CUDA_SUCCESS) {
    return {};
  }
  if (VGPU_DRIVER(driver, cuEventRecord)(taken.event, stream) == CUDA_SUCCESS) return taken;
  unused.events.push_back(taken.event);
  return {};
}

CUresult EndEvents::query(const Driver& driver, const Event& event) {
  const std::lock_guard lock(mutex_);
  return find(event) == nullptr ? CUDA_ERROR_CONTEXT_IS_DESTROYED : VGPU_DRIVER(driver, cuEventQuery)(event.event);
}

void EndEvents::put_back(const Event& event) {
  const std::lock_guard lock(mutex_);
  if (Unused* const unused = find(event)) unused->events.push_back(event.event);
}

void EndEvents::forget_context(uint64_t context) {
  const std::lock_guard lock(mutex_);
  unused_.erase(context);
}

}  // namespace vgpu::host
