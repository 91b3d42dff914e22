// SPDX-License-Identifier: Apache-2.0
// How busy programs kept a device lately, as vgpud keeps it.
#include "host/daemon/sample_history.h"

#include "tests/support/test.h"

namespace vgpu::host {
namespace {

constexpr nvmlSamplingType_t kGpu = NVML_GPU_UTILIZATION_SAMPLES, kMemory = NVML_MEMORY_UTILIZATION_SAMPLES;

TEST_CASE("samples are of one device, oldest first, of its GPU or its memory", "[unit][nvml]") {
  SampleHistory history;
  history.add(0, 1000, 10, 1);
  history.add(1, 1500, 99, 9);
  history.add(0, 2000, 20, 2);
  const auto gpu = history.get(0, kGpu), memory = history.get(0, kMemory);
  REQUIRE((gpu.size() == 2 && memory.size() == 2));
  CHECK((gpu[0].timeStamp == 1000 && gpu[0].sampleValue.uiVal == 10));
  CHECK((gpu[1].timeStamp == 2000 && gpu[1].sampleValue.uiVal == 20));
  CHECK(memory[1].sampleValue.uiVal == 2);
  CHECK(history.get(2, kGpu).empty());
}

TEST_CASE("what was seen at the same time, or before, is no sample", "[unit][nvml]") {
  SampleHistory history;
  for (const uint64_t when : {1000, 1000, 999, 1001}) history.add(0, when, static_cast<uint32_t>(when - 900), 0);
  const auto samples = history.get(0, kGpu);
  REQUIRE(samples.size() == 2);
  CHECK((samples[0].sampleValue.uiVal == 100 && samples[1].sampleValue.uiVal == 101));
}

TEST_CASE("a hundred samples are kept, the newest", "[unit][nvml]") {
  SampleHistory history;
  for (uint64_t when = 1; when <= 250; ++when) history.add(0, when, 0, 0);
  const auto samples = history.get(0, kGpu);
  REQUIRE(samples.size() == 100);
  CHECK((samples.front().timeStamp == 151 && samples.back().timeStamp == 250));
}

}  // namespace
}  // namespace vgpu::host
