// SPDX-License-Identifier: Apache-2.0
// Samples of how busy this daemon's programs keep a device. The driver tells of processes only how busy they are now,
// so the daemon looks for itself, from the first question on until nobody has asked for a while.
#include "host/daemon/reports.h"

namespace vgpu::host {
namespace {

constexpr auto kSamplePeriod = std::chrono::milliseconds(200);
constexpr auto kSampledAfterQuestion = std::chrono::seconds(30);

std::vector<std::byte> answer_of(const std::vector<nvmlSample_t>& samples) {
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  writer.put(static_cast<int32_t>(NVML_SUCCESS));
  writer.put(NVML_VALUE_TYPE_UNSIGNED_INT);
  writer.put(SampleHistory::kMost);
  writer.put(static_cast<uint32_t>(samples.size()));
  for (const nvmlSample_t& sample : samples) writer.put(sample);
  return bytes;
}

}  // namespace

bool Reports::is_utilization(const nvml::Prepared& reading) {
  if (std::string_view(reading.call().name) != "vgpuSamples") return false;
  const uint32_t type = reading.value(1);
  return type == NVML_GPU_UTILIZATION_SAMPLES || type == NVML_MEMORY_UTILIZATION_SAMPLES;
}

void Reports::utilization_samples(const nvml::Prepared& reading, std::span<const std::byte> request,
                                  Answered answered) {
  const uint32_t device = reading.devices().front();
  const auto type = static_cast<nvmlSamplingType_t>(reading.value(1));
  look(true, [this, device, type, copy = std::vector<std::byte>(request.begin(), request.end()),
              answered = std::move(answered)] {
    // What is told of programs, and how they use a software GPU's memory, is nothing that the monitor could add to.
    const bool software = monitor_.facts().identity.software != 0;
    const bool ours = device < monitor_.facts().devices.size() && share_of_all(device).told;
    if (!ours || (software && type == NVML_MEMORY_UTILIZATION_SAMPLES))
      return monitor_.ask(copy, [answered](std::span<const std::byte> bytes) { answered(0, bytes); });
    sample_until_ = Clock::now() + kSampledAfterQuestion;
    if (!sampling_) sample_later();
    answered(0, answer_of(history_.get(device, type)));
  });
}

void Reports::keep_samples() {
  for (uint32_t i = 0; i < monitor_.facts().devices.size(); ++i)
    if (const Share all = share_of_all(i); all.told) history_.add(i, seen_, all.gpu_percent, all.memory_percent);
}

void Reports::sample_later() {
  sampling_ = Clock::now() < sample_until_;
  if (sampling_) source_.after(kSamplePeriod, [this] { look(true, [this] { sample_later(); }); });
}

}  // namespace vgpu::host
