// SPDX-License-Identifier: Apache-2.0
// EventSource: the cards and what happens to them, as Events asks for it: the Monitor, or a test. The daemon's thread
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "vgpu/nvml/nvml_types.h"

namespace vgpu::host {

class EventSource {
 public:
  virtual ~EventSource() = default;
  // Has Events::card_event called from now on, for every device and every type that it has. Answers later, or before it
  // returns.
  virtual void watch_cards(std::function<void(nvmlReturn_t)> answered) = 0;
  // Whether such events of the device come, once they are watched.
  virtual nvmlReturn_t has_events(uint32_t device, uint64_t types) const = 0;
  // Calls `ready` once the devices are known, or known not to be: not NVML_SUCCESS.
  virtual void with_devices(std::function<void(nvmlReturn_t)> ready) = 0;
  virtual uint32_t device_count() const = 0;
  // The index of the device, if there is one with this UUID.
  virtual std::optional<uint32_t> find_device(const uint8_t (&uuid)[16]) const = 0;
  // There are no events of the card: it is the software GPU.
  virtual bool is_software() const = 0;
};

}  // namespace vgpu::host
