// SPDX-License-Identifier: Apache-2.0
// CardWatch: the events of all cards, in one event set of the host's NVML. In NVIDIA's library whoever waits holds a
// lock for as long as the wait takes, an hour say, and whoever registers waits for that lock. So everything is
// registered before the one thread begins that waits, and nothing after. The monitor's main thread; the sink is called
// from the other.
#pragma once

#include <memory>
#include <vector>

#include "host/monitor/card_reader.h"
#include "host/monitor/library_calls.h"

namespace vgpu::host::monitor {

class CardWatch {
 public:
  explicit CardWatch(LibraryCalls& calls) : calls_(calls) {}

  // What can be had of each device, in `found`. If the thread is there already, that is known, and the library not
  // asked.
  nvmlReturn_t begin(const std::vector<nvmlDevice_t>& devices, const EventSink& sink, std::vector<Watched>& found);

 private:
  struct Waiter;

  Watched add_device(nvmlDevice_t device, nvml::Word set);
  nvmlReturn_t start(const std::vector<nvmlDevice_t>& devices, const EventSink& sink);

  LibraryCalls& calls_;
  std::shared_ptr<Waiter> waiter_;  // of the thread that began last
  std::vector<Watched> registered_;
};

}  // namespace vgpu::host::monitor
