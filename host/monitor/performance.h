// SPDX-License-Identifier: Apache-2.0
// Performance: what the host's library has recorded of a card's work, and its performance metrics (GPM), whose samples
// are kept here under numbers. Answers the inner rows (vgpu/nvml/inner.rows.h). The monitor's main thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <span>

#include "host/monitor/library_calls.h"

namespace vgpu::host::monitor {

class Performance {
 public:
  explicit Performance(LibraryCalls& calls);

  // Whether this is such a row; then `result` is what it came to.
  bool read(nvml::Prepared& reading, nvmlDevice_t device, nvmlReturn_t& result);

 private:
  struct Held {
    uint32_t number = 0;
    nvmlGpmSample_t sample = nullptr;
  };

  nvmlReturn_t samples(nvml::Prepared& reading, nvmlDevice_t device);
  nvmlReturn_t states(nvml::Prepared& reading, nvmlDevice_t device);
  nvmlReturn_t support(nvml::Prepared& reading, nvmlDevice_t device);
  nvmlReturn_t take_sample(nvml::Prepared& reading, nvmlDevice_t device);
  nvmlReturn_t metrics(nvml::Prepared& reading, nvmlDevice_t device);
  nvmlReturn_t metrics_of(const Held& first, const Held& second, std::span<nvmlFieldValue_t> values);
  nvmlReturn_t name(nvml::Prepared& reading) const;
  const Held* find(nvmlDevice_t device, uint32_t number) const;

  LibraryCalls& calls_;
  std::map<nvmlDevice_t, std::deque<Held>> held_;  // oldest first
  uint32_t last_number_ = 0;
  std::map<uint32_t, nvml::GpmName> names_;  // of the metrics that were asked for
};

}  // namespace vgpu::host::monitor
