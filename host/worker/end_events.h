// SPDX-License-Identifier: Apache-2.0
// EndEvents: events of the worker's own that stand for what a stream has been given so far, for waits where a word
// would hold back other streams (hardware_queues.h). All but forget_context by the dispatcher's thread.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "host/worker/driver.h"

namespace vgpu::host {

class EndEvents {
 public:
  struct Event {
    uint64_t context = 0;  // the guest's handle
    uint64_t life = 0;     // which of the contexts that have had this handle; a primary context's comes back
    CUevent event = nullptr;

    explicit operator bool() const { return event != nullptr; }
  };

  // Records one in `stream` of the current context, `context`. None when the driver refuses.
  Event record(const Driver& driver, uint64_t context, CUstream stream);
  // cuEventQuery; CUDA_ERROR_CONTEXT_IS_DESTROYED when the event is gone with its context.
  CUresult query(const Driver& driver, const Event& event);
  // Nobody asks about it any more, whether its stream has come to it or not.
  void put_back(const Event& event);
  // The context has died, and its events with it. Any thread.
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
