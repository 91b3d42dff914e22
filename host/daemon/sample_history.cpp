// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/sample_history.h"

namespace vgpu::host {

void SampleHistory::add(uint32_t device, uint64_t microseconds, uint32_t gpu, uint32_t memory) {
  std::deque<Kept>& kept = kept_[device];
  if (!kept.empty() && kept.back().microseconds >= microseconds) return;
  kept.push_back({microseconds, gpu, memory});
  if (kept.size() > kMost) kept.pop_front();
}

std::vector<nvmlSample_t> SampleHistory::get(uint32_t device, nvmlSamplingType_t type) const {
  std::vector<nvmlSample_t> samples;
  const auto found = kept_.find(device);
  if (found == kept_.end()) return samples;
  for (const Kept& kept : found->second) {
    nvmlSample_t sample = {};
    sample.timeStamp = kept.microseconds;
    sample.sampleValue.uiVal = type == NVML_GPU_UTILIZATION_SAMPLES ? kept.gpu : kept.memory;
    samples.push_back(sample);
  }
  return samples;
}

}  // namespace vgpu::host
