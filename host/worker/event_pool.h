// SPDX-License-Identifier: Apache-2.0
// EventPool: events of the worker's own, which stand for what a stream has been given so far: for copies that a guest
// thread waits for, chunks that a copy still reads, and waits where a word would hold back other streams
// (hardware_queues.h). Thread-safe.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "host/worker/driver.h"

namespace vgpu::host {

class EventPool {
 public:
  struct Event {
    uint64_t context = 0;  // the guest's handle
    uint64_t life = 0;     // which of the contexts that have had this handle; a primary context's comes back
    CUevent event = nullptr;

    explicit operator bool() const { return event != nullptr; }
  };

  // One of the current context, `context`, to be recorded. None when the driver refuses.
  Event take(const Driver& driver, uint64_t context);
  // One that has been recorded in `stream`.
  Event record(const Driver& driver, uint64_t context, CUstream stream);
  // cuEventQuery and cuEventSynchronize; CUDA_ERROR_CONTEXT_IS_DESTROYED when the event is gone with its context.
  CUresult query(const Driver& driver, const Event& event);
  CUresult wait(const Driver& driver, const Event& event);
  // Nobody asks about it any more, whether its stream has come to it or not.
  void put_back(const Event& event);
  // The context has died, and its events with it.
  void forget_context(uint64_t context);

 private:
  struct Unused {
    uint64_t life = 0;
    std::vector<CUevent> events;
  };
  // The context's entry while it lives, else null. The mutex is held.
  Unused* find(const Event& event);

  std::mutex mutex_;  // guards the following
  std::map<uint64_t, Unused> unused_;
  uint64_t lives_ = 0;
};

}  // namespace vgpu::host
