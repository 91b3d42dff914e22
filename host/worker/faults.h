// SPDX-License-Identifier: Apache-2.0
// Faults: tells of contexts that died of what the program did, each once, so that the daemon can show it as NVML does
// (host/daemon/events.h). Any thread.
#pragma once

#include <mutex>
#include <set>

#include "host/worker/core.h"
#include "host/worker/driver.h"

namespace vgpu::host {

class Faults {
 public:
  explicit Faults(FaultListener listener) : listener_(std::move(listener)) {}

  // A call in this context, which is current, was answered with an error that stays.
  void note(const Driver& driver, uint64_t context, CUresult result);
  // The context is no more; its handle may come again.
  void forget(uint64_t context);

 private:
  const FaultListener listener_;
  std::mutex mutex_;  // guards told_
  std::set<uint64_t> told_;
};

}  // namespace vgpu::host
