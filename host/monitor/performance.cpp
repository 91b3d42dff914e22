// SPDX-License-Identifier: Apache-2.0
#include "host/monitor/performance.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <string_view>

#include "host/monitor/card_reader.h"

namespace vgpu::host::monitor {
namespace {

// Of a card: the samples of a hundred seconds at least, since nothing is read more than ten times a second.
constexpr size_t kMostHeld = 1024;
// How many metrics a release of before CUDA 13 takes at once: 98.
constexpr size_t kMetricsAtOnce = 90;
constexpr size_t kMostStates = 16;

template <class T>
void give(nvml::Prepared& reading, int parameter, const T& value) {
  std::memcpy(reading.storage(parameter), &value, sizeof value);
}

template <size_t kBytes>
void put_name(char (&to)[kBytes], const char* text) {
  put_text(to, text != nullptr ? text : "");
}

}  // namespace

// Numbers of one monitor say nothing to the next one, so they do not begin at the same place.
Performance::Performance(LibraryCalls& calls) : calls_(calls), last_number_(std::random_device()()) {}

bool Performance::read(nvml::Prepared& reading, nvmlDevice_t device, nvmlReturn_t& result) {
  const std::string_view name = reading.call().name;
  if (name == "vgpuSamples") result = samples(reading, device);
  else if (name == "vgpuPerformanceStates") result = states(reading, device);
  else if (name == "vgpuGpmSupport") result = support(reading, device);
  else if (name == "vgpuGpmSample") result = take_sample(reading, device);
  else if (name == "vgpuGpmMetrics") result = metrics(reading, device);
  else if (name == "vgpuGpmName") result = this->name(reading);
  else return false;
  // What an older release does not have.
  if (result == NVML_ERROR_FUNCTION_NOT_FOUND) result = NVML_ERROR_NOT_SUPPORTED;
  return true;
}

nvmlReturn_t Performance::samples(nvml::Prepared& reading, nvmlDevice_t device) {
  constexpr const char* kName = "nvmlDeviceGetSamples";
  const uint32_t type = reading.value(1);
  unsigned int count = 0;
  nvmlReturn_t result = calls_.call(kName, word(device), type, 0, word(reading.storage(2)), word(&count), 0);
  if (result != NVML_SUCCESS) return result;
  count = std::min(count, nvml::kMaxElements);
  give(reading, 3, count);
  result = calls_.call(kName, word(device), type, 0, word(reading.storage(2)), word(&count), word(reading.storage(4)));
  const bool none = result == NVML_ERROR_NOT_FOUND;
  reading.count(4) = none ? 0 : std::min(count, nvml::kMaxElements);
  return none ? NVML_SUCCESS : result;
}

nvmlReturn_t Performance::states(nvml::Prepared& reading, nvmlDevice_t device) {
  nvmlPstates_t found[kMostStates] = {};
  std::fill(std::begin(found), std::end(found), NVML_PSTATE_UNKNOWN);
  const nvmlReturn_t result =
      calls_.call("nvmlDeviceGetSupportedPerformanceStates", word(device), word(found), sizeof found);
  const auto* const end = std::find(std::begin(found), std::end(found), NVML_PSTATE_UNKNOWN);
  reading.count(1) = static_cast<uint32_t>(end - std::begin(found));
  std::memcpy(reading.storage(1), found, reading.count(1) * sizeof found[0]);
  return result;
}

nvmlReturn_t Performance::support(nvml::Prepared& reading, nvmlDevice_t device) {
  nvmlGpmSupport_t support = {NVML_GPM_SUPPORT_VERSION, 0};
  const nvmlReturn_t result = calls_.call("nvmlGpmQueryDeviceSupport", word(device), word(&support));
  give(reading, 1, support.isSupportedDevice);
  return result;
}

nvmlReturn_t Performance::take_sample(nvml::Prepared& reading, nvmlDevice_t device) {
  std::deque<Held>& held = held_[device];
  Held taken;
  if (held.size() >= kMostHeld) {
    taken = held.front();
    held.pop_front();
  } else if (const nvmlReturn_t bad = calls_.call("nvmlGpmSampleAlloc", word(&taken.sample)); bad != NVML_SUCCESS) {
    return bad;
  }
  if (const nvmlReturn_t bad = calls_.call("nvmlGpmSampleGet", word(device), word(taken.sample)); bad != NVML_SUCCESS) {
    calls_.call("nvmlGpmSampleFree", word(taken.sample));
    return bad;
  }
  taken.number = last_number_ = last_number_ < ~0u - 1 ? last_number_ + 1 : 1;
  held.push_back(taken);
  give(reading, 1, taken.number);
  return NVML_SUCCESS;
}

const Performance::Held* Performance::find(nvmlDevice_t device, uint32_t number) const {
  const auto of_device = held_.find(device);
  if (of_device == held_.end()) return nullptr;
  for (const Held& held : of_device->second)
    if (held.number == number) return &held;
  return nullptr;
}

nvmlReturn_t Performance::metrics(nvml::Prepared& reading, nvmlDevice_t device) {
  const Held* const first = find(device, reading.value(1));
  const Held* const second = find(device, reading.value(2));
  if (first == nullptr || second == nullptr) return NVML_ERROR_NO_DATA;
  // SAFETY: the row says that this parameter holds so many fields.
  const std::span values(reinterpret_cast<nvmlFieldValue_t*>(reading.storage(3)), reading.count(3));
  for (size_t done = 0; done < values.size(); done += kMetricsAtOnce) {
    const size_t count = std::min(values.size() - done, kMetricsAtOnce);
    if (const nvmlReturn_t bad = metrics_of(*first, *second, values.subspan(done, count)); bad != NVML_SUCCESS)
      return bad;
  }
  return NVML_SUCCESS;
}

nvmlReturn_t Performance::metrics_of(const Held& first, const Held& second, std::span<nvmlFieldValue_t> values) {
  const auto get = std::make_unique<nvmlGpmMetricsGet_t>();
  get->version = NVML_GPM_METRICS_GET_VERSION;
  get->numMetrics = static_cast<unsigned int>(values.size());
  get->sample1 = first.sample;
  get->sample2 = second.sample;
  for (size_t i = 0; i < values.size(); ++i) get->metrics[i].metricId = values[i].fieldId;
  const nvmlReturn_t result = calls_.call("nvmlGpmMetricsGet", word(get.get()));
  if (result != NVML_SUCCESS) return result;
  for (size_t i = 0; i < values.size(); ++i) {
    const nvmlGpmMetric_t& metric = get->metrics[i];
    values[i].valueType = NVML_VALUE_TYPE_DOUBLE;
    values[i].nvmlReturn = metric.nvmlReturn;
    values[i].value.dVal = metric.value;
    // The library has a unit also for metrics without a name.
    const bool unknown = metric.metricInfo.shortName == nullptr && metric.metricInfo.unit == nullptr;
    if (unknown || values[i].fieldId >= nvml::kMaxElements) continue;
    nvml::GpmName& name = names_[values[i].fieldId];
    put_name(name.short_name, metric.metricInfo.shortName);
    put_name(name.long_name, metric.metricInfo.longName);
    put_name(name.unit, metric.metricInfo.unit);
  }
  return NVML_SUCCESS;
}

nvmlReturn_t Performance::name(nvml::Prepared& reading) const {
  const auto found = names_.find(reading.value(0));
  if (found == names_.end()) return NVML_ERROR_NOT_FOUND;
  give(reading, 1, found->second);
  return NVML_SUCCESS;
}

}  // namespace vgpu::host::monitor
