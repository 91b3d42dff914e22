// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Memory Management (cuMemHostRegister), Event Management.
#include "host/worker/window.h"

#include <algorithm>

#include "common/log.h"

namespace vgpu::host {

bool Window::pin(uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  // What a dead context had registered is not any more.
  if (epoch_ != epoch) {
    epoch_ = epoch;
    tries_ = 0;
    pinned_ = false;
  }
  if (pinned_ || tries_ == kMaxTries) return pinned_;
  ++tries_;
  const CUresult status = VGPU_DRIVER(driver_, cuMemHostRegister_v2)(
      static_cast<void*>(memory_.chunk(0)), ring::kChunks * ring::kChunkBytes,
      static_cast<unsigned>(CU_MEMHOSTREGISTER_PORTABLE));
  pinned_ = status == CUDA_SUCCESS || status == CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  if (!pinned_) VGPU_DEBUG("the window is not pinned: error %d", static_cast<int>(status));
  return pinned_;
}

void Window::release(uint32_t chunk) { memory_.header().chunk_busy[chunk].store(0, std::memory_order_release); }

CUevent Window::take_event(CUcontext context) {
  const auto found =
      std::find_if(idle_events_.begin(), idle_events_.end(), [&](const Busy& idle) { return idle.context == context; });
  CUevent event = nullptr;
  if (found != idle_events_.end()) {
    event = found->event;
    idle_events_.erase(found);
  } else if (VGPU_DRIVER(driver_, cuEventCreate)(&event, static_cast<unsigned>(CU_EVENT_DISABLE_TIMING)) !=
             CUDA_SUCCESS) {
    return nullptr;
  }
  return event;
}

void Window::release_after(uint32_t chunk, CUstream stream) {
  CUcontext context = nullptr;
  static_cast<void>(VGPU_DRIVER(driver_, cuCtxGetCurrent)(&context));
  const std::lock_guard lock(mutex_);
  const CUevent event = take_event(context);
  if (event != nullptr && VGPU_DRIVER(driver_, cuEventRecord)(event, stream) == CUDA_SUCCESS) {
    busy_.push_back({chunk, event, context});
    pending_.store(busy_.size(), std::memory_order_relaxed);
    return;
  }
  // Nothing to ask later: wait now. When that fails, the stream will not read the chunk any more.
  static_cast<void>(VGPU_DRIVER(driver_, cuStreamSynchronize)(stream));
  release(chunk);
}

void Window::look() {
  const std::lock_guard lock(mutex_);
  for (auto busy = busy_.begin(); busy != busy_.end();) {
    // An error means that the context is dead or broken: nothing reads the chunk any more.
    const CUresult status = VGPU_DRIVER(driver_, cuEventQuery)(busy->event);
    if (status == CUDA_ERROR_NOT_READY) {
      ++busy;
      continue;
    }
    release(busy->chunk);
    if (status == CUDA_SUCCESS) idle_events_.push_back(*busy);
    busy = busy_.erase(busy);
  }
  pending_.store(busy_.size(), std::memory_order_relaxed);
}

void Window::drain() {
  const std::lock_guard lock(mutex_);
  for (const Busy& busy : busy_) {
    static_cast<void>(VGPU_DRIVER(driver_, cuEventSynchronize)(busy.event));
    release(busy.chunk);
    idle_events_.push_back(busy);
  }
  busy_.clear();
  pending_.store(0, std::memory_order_relaxed);
  for (const Busy& idle : idle_events_) static_cast<void>(VGPU_DRIVER(driver_, cuEventDestroy_v2)(idle.event));
  idle_events_.clear();
}

}  // namespace vgpu::host
