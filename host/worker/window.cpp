// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Memory Management (cuMemHostRegister), Event Management.
#include "host/worker/window.h"

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

void Window::release_after(uint32_t chunk, uint64_t context, CUstream stream) {
  const std::lock_guard lock(mutex_);
  if (const EventPool::Event end = events_.record(driver_, context, stream)) {
    busy_.push_back({chunk, end});
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
    const CUresult status = events_.query(driver_, busy->end);
    if (status == CUDA_ERROR_NOT_READY) {
      ++busy;
      continue;
    }
    release(busy->chunk);
    if (status == CUDA_SUCCESS) events_.put_back(busy->end);
    busy = busy_.erase(busy);
  }
  pending_.store(busy_.size(), std::memory_order_relaxed);
}

void Window::drain() {
  const std::lock_guard lock(mutex_);
  for (const Busy& busy : busy_) {
    static_cast<void>(events_.wait(driver_, busy.end));
    release(busy.chunk);
    events_.put_back(busy.end);
  }
  busy_.clear();
  pending_.store(0, std::memory_order_relaxed);
}

}  // namespace vgpu::host
