// SPDX-License-Identifier: Apache-2.0
// What the fake card has several of: clocks, accounted programs, retired pages, samples.
#include <algorithm>
#include <iterator>

#include "tests/smi/fake/nvml.h"

using namespace vgpu::test::fake;
using Word = unsigned int;
using Long = unsigned long long;

template <class T, size_t kCount>
static nvmlReturn_t list(nvmlDevice_t device, Word* count, T* to, const T (&all)[kCount]) {
  const nvmlReturn_t status = gate(device);
  if (status != NVML_SUCCESS) return status;
  const bool fits = *count >= kCount;
  if (fits) std::copy(std::begin(all), std::end(all), to);
  return *count = kCount, fits ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

FAKE(nvmlDeviceGetSupportedMemoryClocks)(nvmlDevice_t device, Word* count, Word* clocks) {
  return list(device, count, clocks, {3201u, 1593u});
}
FAKE(nvmlDeviceGetSupportedGraphicsClocks)(nvmlDevice_t device, Word memory, Word* count, Word* clocks) {
  if (memory == 1593) return list(device, count, clocks, {345u});
  return list(device, count, clocks, {1980u, 1965u});
}
FAKE(nvmlDeviceGetAccountingPids)(nvmlDevice_t device, Word* count, Word* pids) {
  return list(device, count, pids, {1001u, 1002u});
}
// Of the second nobody knows any more.
FAKE(nvmlDeviceGetAccountingStats)(nvmlDevice_t device, Word pid, nvmlAccountingStats_t* stats) {
  const nvmlReturn_t status = gate(device);
  if (status != NVML_SUCCESS) return status;
  if (pid != 1001) return NVML_ERROR_NOT_FOUND;
  *stats = {55, 21, 629145600, 1234, 0, 0, {}};
  return NVML_SUCCESS;
}
FAKE(nvmlDeviceGetRetiredPages)(nvmlDevice_t device, Word cause, Word* count, Long* addresses) {
  if (cause == 1) return list(device, count, addresses, {Long{0xabcd000}});
  return *count = 0, gate(device);
}
FAKE(nvmlDeviceGetRemappedRows)(nvmlDevice_t device, Word* corrected, Word* uncorrected, Word* pending, Word* failed) {
  *corrected = 2, *uncorrected = 1, *pending = 0, *failed = 1;
  return gate(device);
}

// Of power, half a second apart; of utilisation one.
FAKE(nvmlDeviceGetSamples)
(nvmlDevice_t device, nvmlSamplingType_t type, Long, nvmlValueType_t* value_type, Word* count, nvmlSample_t* samples) {
  const nvmlReturn_t status = gate(device);
  if (status != NVML_SUCCESS) return status;
  if (type != NVML_TOTAL_POWER_SAMPLES && type != NVML_GPU_UTILIZATION_SAMPLES) return NVML_ERROR_NOT_SUPPORTED;
  *value_type = NVML_VALUE_TYPE_UNSIGNED_INT;
  const Word there = type == NVML_TOTAL_POWER_SAMPLES ? 4 : 1;
  if (samples == nullptr) return *count = there, NVML_SUCCESS;
  *count = std::min(*count, there);
  for (Word i = 0; i < *count; ++i) {
    samples[i].timeStamp = 1'000'000 + Long{i} * 500'000;
    samples[i].sampleValue.uiVal = there == 1 ? 37 : 70'000 + i * 1000;
  }
  return NVML_SUCCESS;
}
