// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/inspect/samples.h"

#include <fmt/core.h>

#include <algorithm>

namespace vgpu::smi {
namespace {

struct Kind {
  nvmlSamplingType_t type;
  unsigned int section;
  const char* label;
  const char* tag;
  const char* unit;  // "W": samples are milliwatts
};
constexpr Kind kKinds[] = {
    {NVML_GPU_UTILIZATION_SAMPLES, kUtilizationSection, "GPU Utilization Samples", "gpu_util_samples", "%"},
    {NVML_MEMORY_UTILIZATION_SAMPLES, kUtilizationSection, "Memory Utilization Samples", "memory_util_samples", "%"},
    {NVML_ENC_UTILIZATION_SAMPLES, kUtilizationSection, "ENC Utilization Samples", "encoder_util_samples", "%"},
    {NVML_DEC_UTILIZATION_SAMPLES, kUtilizationSection, "DEC Utilization Samples", "decoder_util_samples", "%"},
    {NVML_TOTAL_POWER_SAMPLES, kPowerSection, "Power Samples", "power_samples", "W"},
    {NVML_PROCESSOR_CLK_SAMPLES, kClockSection, "SM Clock Samples", "sm_clock_samples", "MHz"},
    {NVML_MEMORY_CLK_SAMPLES, kClockSection, "Memory Clock Samples", "memory_clock_samples", "MHz"},
};

Reading<std::vector<nvmlSample_t>> read(const Card& card, nvmlSamplingType_t type) {
  constexpr const char* kName = "nvmlDeviceGetSamples";
  constexpr unsigned long long kAll = 0;
  nvmlValueType_t value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
  unsigned int count = 0;
  const auto ask = [&](nvmlSample_t* place) {
    return card.nvml().call(kName, card.device(), type, kAll, &value_type, &count, place);
  };
  if (const nvmlReturn_t bad = ask(nullptr); bad != NVML_SUCCESS) return bad;
  std::vector<nvmlSample_t> samples(std::min(count, 65536u));
  if (samples.empty()) return NVML_ERROR_NOT_FOUND;
  count = static_cast<unsigned int>(samples.size());
  if (const nvmlReturn_t bad = ask(samples.data()); bad != NVML_SUCCESS) return bad;
  samples.resize(std::min<size_t>(count, samples.size()));
  // All types are of this kind today.
  if (samples.empty() || value_type != NVML_VALUE_TYPE_UNSIGNED_INT) return NVML_ERROR_NOT_SUPPORTED;
  return samples;
}

Cell seconds(const std::vector<nvmlSample_t>& samples) {
  const auto [first, last] = std::minmax_element(
      samples.begin(), samples.end(), [](const auto& a, const auto& b) { return a.timeStamp < b.timeStamp; });
  Cell cell;
  const double length = static_cast<double>(last->timeStamp - first->timeStamp) / 1e6;
  cell.text = fmt::format("{:.2f}", length);
  cell.value = length;
  cell.unit = "sec";
  return cell;
}

Cell level(const Kind& kind, uint64_t value) {
  if (kind.unit == std::string_view("W")) return watts(static_cast<unsigned int>(value));
  return number(value, kind.unit);
}

void sum_up(const Kind& kind, const std::vector<nvmlSample_t>& samples, Node& group) {
  uint64_t most = 0, least = ~uint64_t{0}, all = 0;
  for (const nvmlSample_t& sample : samples) {
    most = std::max<uint64_t>(most, sample.sampleValue.uiVal);
    least = std::min<uint64_t>(least, sample.sampleValue.uiVal);
    all += sample.sampleValue.uiVal;
  }
  group.children = {make_value("Duration", "duration", seconds(samples)),
                    make_value("Number of Samples", "sample_count", number(uint64_t{samples.size()})),
                    make_value("Max", "max", level(kind, most)), make_value("Min", "min", level(kind, least)),
                    make_value("Avg", "avg", level(kind, all / samples.size()))};
}

}  // namespace

void add_samples(const Card& card, unsigned int sections, std::vector<Node>& nodes) {
  for (const Kind& kind : kKinds) {
    if ((sections & kind.section) == 0) continue;
    const auto samples = read(card, kind.type);
    Node& group = nodes.emplace_back(make_group(kind.label, kind.tag));
    if (samples.ok()) {
      sum_up(kind, samples.value(), group);
      continue;
    }
    for (const auto& [label, tag] : {std::pair("Duration", "duration"), std::pair("Number of Samples", "sample_count"),
                                     std::pair("Max", "max"), std::pair("Min", "min"), std::pair("Avg", "avg")})
      group.children.push_back(make_value(label, tag, missing(samples.error())));
  }
}

}  // namespace vgpu::smi
