// SPDX-License-Identifier: Apache-2.0
// Performance metrics (GPM). What a sample holds stays in the monitor on the host; here it is a number and a device.
#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "libcuda/nvml/library.h"
#include "vgpu/nvml/nvml.h"

using vgpu::nvml::GpmName;
using vgpu::nvml::Library;
using Word = uint64_t;

// What a handle points to; nothing is kept in it.
struct nvmlGpmSample_st {};

namespace {

struct Sample {
  nvmlDevice_t device = nullptr;  // null: nothing was read into it yet
  unsigned int number = 0;
};

// Handles are looked up before they are used, because programs free them twice.
struct Samples {
  std::mutex mutex;  // guards the rest
  std::map<nvmlGpmSample_t, Sample> all;
  // By metric. Programs keep pointers to the texts, so what is here stays.
  std::map<unsigned int, std::unique_ptr<GpmName>> names;
};
Samples& samples() {
  static Samples* const made = new Samples;  // Never destroyed, like the library.
  return *made;
}

Word word(const void* place) { return reinterpret_cast<Word>(place); }

// False: there is no such handle.
bool find(nvmlGpmSample_t handle, Sample& found) {
  Samples& known = samples();
  const std::lock_guard lock(known.mutex);
  const auto at = known.all.find(handle);
  if (at == known.all.end()) return false;
  found = at->second;
  return true;
}

char* text_or_null(char* text) { return text[0] != '\0' ? text : nullptr; }

// Null pointers where the host knows no name.
void put_names(nvmlGpmMetric_t& metric) {
  metric.metricInfo = {};
  Samples& known = samples();
  const std::lock_guard lock(known.mutex);
  std::unique_ptr<GpmName>& name = known.names[metric.metricId];
  if (name == nullptr) {
    auto asked = std::make_unique<GpmName>();
    if (vgpu::nvml::invoke_inner("vgpuGpmName", {metric.metricId, word(asked.get())}) != NVML_SUCCESS) return;
    name = std::move(asked);
  }
  metric.metricInfo = {text_or_null(name->short_name), text_or_null(name->long_name), text_or_null(name->unit)};
}

nvmlReturn_t fill(std::span<nvmlGpmMetric_t> metrics, const Sample& first, const Sample& second) {
  std::vector<nvmlFieldValue_t> values(metrics.size());
  for (size_t i = 0; i < metrics.size(); ++i) values[i].fieldId = metrics[i].metricId;
  const nvmlReturn_t result = vgpu::nvml::invoke_inner(
      "vgpuGpmMetrics", {word(first.device), first.number, second.number, values.size(), word(values.data())});
  if (result != NVML_SUCCESS) return result;
  for (size_t i = 0; i < metrics.size(); ++i) {
    metrics[i].nvmlReturn = values[i].nvmlReturn;
    metrics[i].value = values[i].value.dVal;
    put_names(metrics[i]);
  }
  return NVML_SUCCESS;
}

}  // namespace

nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t* support) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (support == nullptr || !Library::get().knows(device)) return NVML_ERROR_INVALID_ARGUMENT;
  if (support->version != NVML_GPM_SUPPORT_VERSION) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  return vgpu::nvml::invoke_inner("vgpuGpmSupport", {word(device), word(&support->isSupportedDevice)});
}

nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t* sample) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (sample == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  Samples& known = samples();
  const std::lock_guard lock(known.mutex);
  *sample = new nvmlGpmSample_st;
  known.all[*sample] = {};
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  Samples& known = samples();
  const std::lock_guard lock(known.mutex);
  if (known.all.erase(sample) == 0) return NVML_ERROR_INVALID_ARGUMENT;
  delete sample;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t handle) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  Sample sample;
  if (!Library::get().knows(device) || !find(handle, sample)) return NVML_ERROR_INVALID_ARGUMENT;
  sample.device = device;
  const nvmlReturn_t result = vgpu::nvml::invoke_inner("vgpuGpmSample", {word(device), word(&sample.number)});
  if (result != NVML_SUCCESS) return result;
  Samples& known = samples();
  const std::lock_guard lock(known.mutex);
  if (const auto at = known.all.find(handle); at != known.all.end()) at->second = sample;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t* get) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (get == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  if (get->version != NVML_GPM_METRICS_GET_VERSION) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  // NVIDIA's library does not take as many as there is room for, either.
  if (get->numMetrics == 0 || get->numMetrics >= NVML_GPM_METRIC_MAX) return NVML_ERROR_INVALID_ARGUMENT;
  Sample first, second;
  if (!find(get->sample1, first) || !find(get->sample2, second)) return NVML_ERROR_INVALID_ARGUMENT;
  if (first.device == nullptr || first.device != second.device) return NVML_ERROR_INVALID_ARGUMENT;
  const std::span metrics(get->metrics, get->numMetrics);
  for (size_t done = 0; done < metrics.size(); done += vgpu::nvml::kMaxFields) {
    const size_t count = std::min<size_t>(metrics.size() - done, vgpu::nvml::kMaxFields);
    if (const nvmlReturn_t bad = fill(metrics.subspan(done, count), first, second); bad != NVML_SUCCESS) return bad;
  }
  return NVML_SUCCESS;
}
