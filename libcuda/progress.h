// SPDX-License-Identifier: Apache-2.0
// Progress: what the guest knows of how far a stream or an event has come, kept with its handle (handles.h) or its
// context. hand/progress.cpp says what the words hold. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace vgpu::guest {

struct Progress {
  std::atomic<uint64_t> mark{0};   // up to where it is known to have finished
  std::atomic<uint64_t> watch{0};  // the marker that says when it will have (markers.h), and whether somebody asks
  // Of events: the stream of the last record, and the session's position behind it.
  std::atomic<uint64_t> stream{0}, recorded_at{0};
  std::atomic<bool> blocks{false};  // CU_EVENT_BLOCKING_SYNC

  void clear() {
    for (auto* const word : {&mark, &watch, &stream, &recorded_at}) word->store(0, std::memory_order_relaxed);
    blocks.store(false, std::memory_order_relaxed);
  }
};

}  // namespace vgpu::guest
