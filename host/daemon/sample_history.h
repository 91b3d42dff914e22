// SPDX-License-Identifier: Apache-2.0
// SampleHistory: how busy this daemon's programs kept each device lately, as nvmlDeviceGetSamples tells it. The
// daemon's thread only.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "vgpu/nvml/nvml_types.h"

namespace vgpu::host {

class SampleHistory {
 public:
  static constexpr uint32_t kMost = 100;  // of a device: at five a second, those of twenty seconds
  // Percents. Nothing happens when it is no later than the last one.
  void add(uint32_t device, uint64_t microseconds, uint32_t gpu, uint32_t memory);
  // Oldest first; of GPU or memory utilisation.
  std::vector<nvmlSample_t> get(uint32_t device, nvmlSamplingType_t type) const;

 private:
  struct Kept {
    uint64_t microseconds;
    uint32_t gpu, memory;
  };
  std::map<uint32_t, std::deque<Kept>> kept_;
};

}  // namespace vgpu::host
