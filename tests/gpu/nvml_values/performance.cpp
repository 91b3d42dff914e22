// SPDX-License-Identifier: Apache-2.0
#include "tests/gpu/nvml_values/performance.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

namespace vgpu::nvml_values {
namespace {

constexpr const char* kSamples = "nvmlDeviceGetSamples";
constexpr unsigned kMostSamples = 4096;

// Each in a family of its own: what one kills, the next one still asks.
template <unsigned kType>
void ask_samples(Asking& asking, const Family&) {
  const std::string type = std::to_string(kType);
  nvmlValueType_t value_type = {};
  unsigned count = 0;
  int code =
      asking.call(kSamples, type + ",no room", {word(asking.device()), kType, 0, word(&value_type), word(&count), 0});
  asking.tell(kSamples, type + ",no room", code,
              code == 0 ? std::vector{"n=" + std::to_string(count)} : std::vector<std::string>());
  const auto samples = std::make_unique<nvmlSample_t[]>(kMostSamples);
  count = kMostSamples;
  code = asking.call(kSamples, type + ",all",
                     {word(asking.device()), kType, 0, word(&value_type), word(&count), word(samples.get())});
  if (code != 0) return asking.tell(kSamples, type + ",all", code);
  const auto older = [](const nvmlSample_t& a, const nvmlSample_t& b) { return a.timeStamp < b.timeStamp; };
  const std::span there(samples.get(), std::min(count, kMostSamples));
  asking.tell(kSamples, type + ",all", code,
              {"type " + std::to_string(value_type), count != 0 ? "some" : "none",
               std::is_sorted(there.begin(), there.end(), older) ? "in order" : "out of order",
               "n=" + std::to_string(count), there.empty() ? "0" : value_of(value_type, there.back().sampleValue)});
  if (there.empty()) return;
  nvmlSample_t one = {};
  count = 1;
  code = asking.call(kSamples, type + ",room for one",
                     {word(asking.device()), kType, 0, word(&value_type), word(&count), word(&one)});
  asking.tell(kSamples, type + ",room for one", code,
              {one.timeStamp < there.back().timeStamp ? "an old one" : "the newest"});
  count = kMostSamples;
  constexpr uint64_t kFuture = ~0ULL >> 1;
  code = asking.call(kSamples, type + ",newer than the future",
                     {word(asking.device()), kType, kFuture, word(&value_type), word(&count), word(samples.get())});
  asking.tell(kSamples, type + ",newer than the future", code);
}

void ask_gpm_support(Asking& asking, const Family&) {
  const char* const name = "nvmlGpmQueryDeviceSupport";
  for (const unsigned version : {1u, 2u}) {
    nvmlGpmSupport_t support = {version, 0};
    const int code = asking.call(name, std::to_string(version), {word(asking.device()), word(&support)});
    asking.tell(name, std::to_string(version), code, {std::to_string(support.isSupportedDevice)});
  }
}

nvmlGpmSample_t sample_now(Asking& asking, const std::string& which) {
  nvmlGpmSample_t sample = nullptr;
  asking.tell("nvmlGpmSampleAlloc", which, asking.call("nvmlGpmSampleAlloc", which, {word(&sample)}));
  asking.tell("nvmlGpmSampleGet", which, asking.call("nvmlGpmSampleGet", which, {word(asking.device()), word(sample)}));
  return sample;
}

std::string or_none(const char* text) { return text != nullptr ? quoted(text) : "none"; }

// Two samples a second apart, so many metrics at a time. `each`: what is said of them, too.
void tell_metrics(Asking& asking, nvmlGpmSample_t first, nvmlGpmSample_t second, unsigned together, bool each) {
  const char* const name = "nvmlGpmMetricsGet";
  const auto get = std::make_unique<nvmlGpmMetricsGet_t>();
  for (unsigned begin = 1; begin <= NVML_GPM_METRIC_MAX; begin += together) {
    *get = {};
    get->version = NVML_GPM_METRICS_GET_VERSION;
    get->numMetrics = std::min(together, NVML_GPM_METRIC_MAX + 1 - begin);
    get->sample1 = first;
    get->sample2 = second;
    for (unsigned i = 0; i < get->numMetrics; ++i) get->metrics[i].metricId = begin + i;
    const std::string text = std::to_string(get->numMetrics) + " from " + std::to_string(begin);
    const int code = asking.call(name, text, {word(get.get())});
    asking.tell(name, text, code);
    for (const nvmlGpmMetric_t& metric : std::span(get->metrics, each && code == 0 ? get->numMetrics : 0))
      asking.tell(name, text + ", metric " + std::to_string(metric.metricId), metric.nvmlReturn,
                  metric.nvmlReturn != 0
                      ? std::vector<std::string>()
                      : std::vector{or_none(metric.metricInfo.shortName), or_none(metric.metricInfo.longName),
                                    or_none(metric.metricInfo.unit), std::to_string(metric.value)});
  }
}

void ask_gpm(Asking& asking, const Family&) {
  nvmlGpmSample_t const first = sample_now(asking, "first");
  std::this_thread::sleep_for(std::chrono::seconds(1));
  nvmlGpmSample_t const second = sample_now(asking, "second");
  // As many as headers before CUDA 13 have room for; then whether as many are taken as there is room for now.
  tell_metrics(asking, first, second, 98, true);
  tell_metrics(asking, first, second, NVML_GPM_METRIC_MAX - 1, false);
  tell_metrics(asking, first, second, NVML_GPM_METRIC_MAX, false);
  asking.tell("nvmlGpmSampleFree", "first", asking.call("nvmlGpmSampleFree", "first", {word(first)}));
  asking.tell("nvmlGpmSampleFree", "second", asking.call("nvmlGpmSampleFree", "second", {word(second)}));
}

}  // namespace

std::string value_of(nvmlValueType_t type, const nvmlValue_t& value) {
  switch (type) {
    case NVML_VALUE_TYPE_DOUBLE: return std::to_string(value.dVal);
    case NVML_VALUE_TYPE_UNSIGNED_INT: return std::to_string(value.uiVal);
    case NVML_VALUE_TYPE_UNSIGNED_LONG:
    case NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: return std::to_string(value.ullVal);
    case NVML_VALUE_TYPE_SIGNED_LONG_LONG: return std::to_string(value.sllVal);
    case NVML_VALUE_TYPE_SIGNED_INT: return std::to_string(value.siVal);
    case NVML_VALUE_TYPE_UNSIGNED_SHORT: return std::to_string(value.usVal);
  }
  return "of no known type";
}

std::vector<Family> families_of_performance() {
  return {{"GPM's support", &ask_gpm_support}, {"GPM", &ask_gpm},
          {"samples 0", &ask_samples<0>},      {"samples 1", &ask_samples<1>},
          {"samples 2", &ask_samples<2>},      {"samples 3", &ask_samples<3>},
          {"samples 4", &ask_samples<4>},      {"samples 5", &ask_samples<5>},
          {"samples 6", &ask_samples<6>},      {"samples 7", &ask_samples<7>},
          {"samples 8", &ask_samples<8>},      {"samples 9", &ask_samples<9>},
          {"samples 10", &ask_samples<10>}};
}

}  // namespace vgpu::nvml_values
