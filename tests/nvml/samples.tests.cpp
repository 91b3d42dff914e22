// SPDX-License-Identifier: Apache-2.0
// What was recorded of the device's work: samples, performance metrics, sessions of encoders.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include "tests/nvml/fixture.h"
#include "tests/nvml/work.h"

namespace vgpu::nvml_test {
namespace {

constexpr nvmlSamplingType_t kGpu = NVML_GPU_UTILIZATION_SAMPLES;

// Those that are newer than `since`; none if there are none.
std::vector<nvmlSample_t> samples_of(nvmlDevice_t device, nvmlSamplingType_t type, unsigned long long since) {
  nvmlValueType_t value_type = NVML_VALUE_TYPE_DOUBLE;
  std::vector<nvmlSample_t> samples(1024);
  auto count = static_cast<unsigned>(samples.size());
  const nvmlReturn_t result = nvmlDeviceGetSamples(device, type, since, &value_type, &count, samples.data());
  if (result == NVML_ERROR_NOT_FOUND) return {};
  REQUIRE(result == NVML_SUCCESS);
  CHECK(value_type == NVML_VALUE_TYPE_UNSIGNED_INT);
  samples.resize(count);
  return samples;
}

bool is_older(const nvmlSample_t& a, const nvmlSample_t& b) { return a.timeStamp < b.timeStamp; }

TEST_CASE("samples of utilisation are percents, with a time each, the oldest first", "[nvml]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  const auto samples = samples_of(nvml.device, kGpu, 0);
  REQUIRE_FALSE(samples.empty());
  CHECK(std::is_sorted(samples.begin(), samples.end(), is_older));
  for (const nvmlSample_t& sample : samples) CHECK(sample.sampleValue.uiVal <= 100);
}

TEST_CASE("only samples that are newer than the last one seen are given", "[nvml]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  const auto first = samples_of(nvml.device, kGpu, 0);
  REQUIRE_FALSE(first.empty());
  const unsigned long long seen = first.back().timeStamp;
  std::vector<nvmlSample_t> later;
  for (int i = 0; i < 50 && later.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    later = samples_of(nvml.device, kGpu, seen);
  }
  REQUIRE_FALSE(later.empty());
  for (const nvmlSample_t& sample : later) CHECK(sample.timeStamp > seen);
}

TEST_CASE("without a place it is a question for the number of samples", "[nvml]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  nvmlValueType_t value_type = NVML_VALUE_TYPE_DOUBLE;
  unsigned count = 0;
  REQUIRE(nvmlDeviceGetSamples(nvml.device, kGpu, 0, &value_type, &count, nullptr) == NVML_SUCCESS);
  CHECK(count >= 1);
}

TEST_CASE("a place with room for one gets one, the oldest", "[nvml][ours]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  while (samples_of(nvml.device, kGpu, 0).size() < 3) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  nvmlValueType_t value_type = NVML_VALUE_TYPE_DOUBLE;
  nvmlSample_t one = {};
  unsigned count = 1;
  const auto all = samples_of(nvml.device, kGpu, 0);
  REQUIRE(nvmlDeviceGetSamples(nvml.device, kGpu, all[0].timeStamp, &value_type, &count, &one) == NVML_SUCCESS);
  CHECK(count == 1);
  CHECK(one.timeStamp == all[1].timeStamp);
}

TEST_CASE("samples show that the device was busy, after it was", "[nvml]") {
  const Nvml nvml;
  const Cuda cuda(nvml.device);
  samples_of(nvml.device, kGpu, 0);
  const Work work;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (std::chrono::steady_clock::now() < end) {
    work.launch();
    REQUIRE(cuCtxSynchronize() == CUDA_SUCCESS);
  }
  unsigned busiest = 0;
  for (const nvmlSample_t& sample : samples_of(nvml.device, kGpu, 0))
    busiest = std::max(busiest, sample.sampleValue.uiVal);
  CHECK(busiest > 10);
}

TEST_CASE("samples need a device, a known type, and places for what they are", "[nvml][ours]") {
  const Nvml nvml;
  nvmlValueType_t value_type = NVML_VALUE_TYPE_DOUBLE;
  nvmlSample_t sample = {};
  unsigned count = 1, none = 0;
  const auto ask = [&](nvmlDevice_t device, int type, nvmlValueType_t* value, unsigned* places) {
    return nvmlDeviceGetSamples(device, static_cast<nvmlSamplingType_t>(type), 0, value, places, &sample);
  };
  CHECK(ask(nullptr, kGpu, &value_type, &count) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(ask(nvml.device, NVML_SAMPLINGTYPE_COUNT, &value_type, &count) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(ask(nvml.device, kGpu, nullptr, &count) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(ask(nvml.device, kGpu, &value_type, nullptr) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(ask(nvml.device, kGpu, &value_type, &none) == NVML_ERROR_INVALID_ARGUMENT);
}

TEST_CASE("the software GPU has no power and no clocks to sample", "[nvml][ours][soft]") {
  const Nvml nvml;
  nvmlValueType_t value_type = NVML_VALUE_TYPE_DOUBLE;
  nvmlSample_t sample = {};
  for (const nvmlSamplingType_t type : {NVML_TOTAL_POWER_SAMPLES, NVML_PROCESSOR_CLK_SAMPLES, NVML_MEMORY_CLK_SAMPLES,
                                        NVML_ENC_UTILIZATION_SAMPLES, NVML_MEMORY_UTILIZATION_SAMPLES}) {
    unsigned count = 1;
    CHECK(nvmlDeviceGetSamples(nvml.device, type, 0, &value_type, &count, &sample) == NVML_ERROR_NOT_SUPPORTED);
  }
}

TEST_CASE("nobody encodes or captures frames", "[nvml][ours]") {
  const Nvml nvml;
  nvmlEncoderSessionInfo_t encoders[2] = {};
  nvmlFBCSessionInfo_t captures[2] = {};
  unsigned count = 2, frames = 9, latency = 9;
  const nvmlReturn_t result = nvmlDeviceGetEncoderSessions(nvml.device, &count, encoders);
  CHECK((result == NVML_ERROR_NOT_SUPPORTED || (result == NVML_SUCCESS && count == 0)));
  count = 9;
  const nvmlReturn_t stats = nvmlDeviceGetEncoderStats(nvml.device, &count, &frames, &latency);
  CHECK((stats == NVML_ERROR_NOT_SUPPORTED || (stats == NVML_SUCCESS && count == 0 && frames == 0 && latency == 0)));
  count = 2;
  const nvmlReturn_t captured = nvmlDeviceGetFBCSessions(nvml.device, &count, captures);
  CHECK((captured == NVML_ERROR_NOT_SUPPORTED || (captured == NVML_SUCCESS && count == 0)));
}

// --- Performance metrics. ---

bool has_metrics(nvmlDevice_t device) {
  nvmlGpmSupport_t support = {NVML_GPM_SUPPORT_VERSION, 99};
  REQUIRE(nvmlGpmQueryDeviceSupport(device, &support) == NVML_SUCCESS);
  CHECK(support.isSupportedDevice <= 1);
  return support.isSupportedDevice == 1;
}

struct TwoSamples {
  nvmlGpmSample_t first = nullptr, second = nullptr;
  TwoSamples() {
    REQUIRE(nvmlGpmSampleAlloc(&first) == NVML_SUCCESS);
    REQUIRE(nvmlGpmSampleAlloc(&second) == NVML_SUCCESS);
  }
  TwoSamples(const TwoSamples&) = delete;
  TwoSamples& operator=(const TwoSamples&) = delete;
  ~TwoSamples() {
    nvmlGpmSampleFree(first);
    nvmlGpmSampleFree(second);
  }
};

TEST_CASE("metrics between two samples show the work that was done between them", "[nvml]") {
  const Nvml nvml;
  if (!has_metrics(nvml.device)) SKIP("no performance metrics");
  const Cuda cuda(nvml.device);
  const TwoSamples samples;
  const Work work;
  REQUIRE(nvmlGpmSampleGet(nvml.device, samples.first) == NVML_SUCCESS);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < end) {
    work.launch();
    REQUIRE(cuCtxSynchronize() == CUDA_SUCCESS);
  }
  REQUIRE(nvmlGpmSampleGet(nvml.device, samples.second) == NVML_SUCCESS);
  static nvmlGpmMetricsGet_t get;
  get = {};
  get.version = NVML_GPM_METRICS_GET_VERSION;
  get.numMetrics = 3;
  get.sample1 = samples.first;
  get.sample2 = samples.second;
  get.metrics[0].metricId = NVML_GPM_METRIC_GRAPHICS_UTIL;
  get.metrics[1].metricId = NVML_GPM_METRIC_SM_UTIL;
  get.metrics[2].metricId = NVML_GPM_METRIC_ANY_TENSOR_UTIL;
  REQUIRE(nvmlGpmMetricsGet(&get) == NVML_SUCCESS);
  for (unsigned i = 0; i < 3; ++i) {
    const nvmlGpmMetric_t& metric = get.metrics[i];
    INFO("metric " << metric.metricId << ": " << metric.value);
    CHECK(metric.nvmlReturn == NVML_SUCCESS);
    CHECK((metric.value >= 0 && metric.value <= 100.5));
    CHECK(metric.metricInfo.shortName != nullptr);
  }
  CHECK(get.metrics[0].value > 1);
  CHECK(get.metrics[1].value > 1);
}

TEST_CASE("a card of before Hopper has no metrics, and says so", "[nvml][ours][soft]") {
  const Nvml nvml;
  CHECK_FALSE(has_metrics(nvml.device));
  const TwoSamples samples;
  CHECK(nvmlGpmSampleGet(nvml.device, samples.first) == NVML_ERROR_NOT_SUPPORTED);
}

TEST_CASE("a sample that is not one, or was freed, is an invalid argument", "[nvml][ours]") {
  const Nvml nvml;
  nvmlGpmSample_t sample = nullptr;
  nvmlGpmSupport_t wrong = {7, 0};
  CHECK(nvmlGpmQueryDeviceSupport(nvml.device, &wrong) == NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
  CHECK(nvmlGpmSampleAlloc(nullptr) == NVML_ERROR_INVALID_ARGUMENT);
  REQUIRE(nvmlGpmSampleAlloc(&sample) == NVML_SUCCESS);
  static nvmlGpmMetricsGet_t get;
  get = {};
  get.version = NVML_GPM_METRICS_GET_VERSION;
  get.numMetrics = 1;
  get.sample1 = get.sample2 = sample;
  // Nothing was read into it yet.
  CHECK(nvmlGpmMetricsGet(&get) == NVML_ERROR_INVALID_ARGUMENT);
  REQUIRE(nvmlGpmSampleFree(sample) == NVML_SUCCESS);
  CHECK(nvmlGpmSampleFree(sample) == NVML_ERROR_INVALID_ARGUMENT);
  CHECK(nvmlGpmSampleGet(nvml.device, sample) == NVML_ERROR_INVALID_ARGUMENT);
  get.version = 2;
  CHECK(nvmlGpmMetricsGet(&get) == NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
  CHECK(nvmlGpmMetricsGet(nullptr) == NVML_ERROR_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace vgpu::nvml_test
