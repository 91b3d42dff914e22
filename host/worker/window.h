// SPDX-License-Identifier: Apache-2.0
// Window: the staging chunks as the driver sees them. They are registered with it when the first large copy comes, so
// that copies from them run at the bus's speed and behind the caller's back; a chunk then goes back to the guest when
// the copy is through, which an event tells. Where registering fails they are ordinary memory, and copies take the
// bytes at once. Thread-safe.
#pragma once

#include <atomic>
#include <deque>
#include <mutex>

#include "common/session_memory.h"
#include "host/worker/driver.h"
#include "host/worker/event_pool.h"

namespace vgpu::host {

class Window {
 public:
  Window(const Driver& driver, const SessionMemory& memory, EventPool& events)
      : driver_(driver), memory_(memory), events_(events) {}

  // Registers the chunks, if they are not; a context must be current. `epoch` changes when a context has died.
  bool pin(uint64_t epoch);
  // The chunk goes back to the guest: now, or after what `stream` of the current context, `context`, has been given so
  // far.
  void release(uint32_t chunk);
  void release_after(uint32_t chunk, uint64_t context, CUstream stream);
  // Whether chunks are to be given back later; gives back those that are through. The first costs no lock.
  bool busy() const { return pending_.load(std::memory_order_relaxed) != 0; }
  void look();
  // Before a context dies, and its events with it: waits for all chunks.
  void drain();

 private:
  struct Busy {
    uint32_t chunk;
    EventPool::Event end;
  };

  static constexpr int kMaxTries = 4;

  const Driver& driver_;
  const SessionMemory& memory_;
  EventPool& events_;
  std::atomic<size_t> pending_{0};  // the size of busy_
  std::mutex mutex_;                // guards all below
  uint64_t epoch_ = 0;
  int tries_ = 0;
  bool pinned_ = false;
  std::deque<Busy> busy_;
};

}  // namespace vgpu::host
