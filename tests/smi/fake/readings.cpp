// SPDX-License-Identifier: Apache-2.0
// The readings of the fake card.
#include <algorithm>
#include <cstring>
#include <iterator>

#include "tests/smi/fake/nvml.h"

using namespace vgpu::test::fake;
using Word = unsigned int;
using Long = unsigned long long;

// A call with one result, or two.
#define ONE(name, type, value)                     \
  FAKE(name)(nvmlDevice_t device, type * result) { \
    const nvmlReturn_t status = gate(device);      \
    if (status == NVML_SUCCESS) *result = value;   \
    return status;                                 \
  }
#define TWO(name, type, first_value, second_value)                            \
  FAKE(name)(nvmlDevice_t device, type * first, type * second) {              \
    const nvmlReturn_t status = gate(device);                                 \
    if (status == NVML_SUCCESS) *first = first_value, *second = second_value; \
    return status;                                                            \
  }
#define WORDS(name, value)                                          \
  FAKE(name)(nvmlDevice_t device, char* to, Word room) {            \
    const nvmlReturn_t status = gate(device);                       \
    return status == NVML_SUCCESS ? give(to, room, value) : status; \
  }
// A call with an argument before its result.
#define BY(name, type, ...)                                                              \
  FAKE(name)(nvmlDevice_t device, Word which, type * result) {                           \
    static constexpr type kValues[] = {__VA_ARGS__};                                     \
    const nvmlReturn_t status = gate(device);                                            \
    if (status != NVML_SUCCESS) return status;                                           \
    if (which >= sizeof kValues / sizeof kValues[0]) return NVML_ERROR_INVALID_ARGUMENT; \
    *result = kValues[which];                                                            \
    return NVML_SUCCESS;                                                                 \
  }

WORDS(nvmlDeviceGetSerial, "1650522003820")
WORDS(nvmlDeviceGetVbiosVersion, "96.00.99.00.01")
WORDS(nvmlDeviceGetInforomImageVersion, "G520.0280.00.01")
ONE(nvmlDeviceGetMemoryInfo, nvmlMemory_t, (nvmlMemory_t{150754820096, 150142386176, 612433920}))
FAKE(nvmlDeviceGetMemoryInfo_v2)(nvmlDevice_t device, nvmlMemory_v2_t* result) {
  const nvmlReturn_t status = gate(device);
  if (result->version != nvml_version<nvmlMemory_v2_t>(2)) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  if (status == NVML_SUCCESS) *result = {result->version, 150754820096, 611319808, 149508063232, 635437056};
  return status;
}
ONE(nvmlDeviceGetBAR1MemoryInfo, nvmlBAR1Memory_t, (nvmlBAR1Memory_t{274877906944, 274876858368, 1048576}))
ONE(nvmlDeviceGetUtilizationRates, nvmlUtilization_t, (nvmlUtilization_t{37, 12}))
TWO(nvmlDeviceGetEncoderUtilization, Word, 0, 100000)
TWO(nvmlDeviceGetDecoderUtilization, Word, 5, 100000)
TWO(nvmlDeviceGetCudaComputeCapability, int, 9, 0)
TWO(nvmlDeviceGetEccMode, Word, 1, 1)
TWO(nvmlDeviceGetMigMode, Word, 0, 0)
TWO(nvmlDeviceGetPowerManagementLimitConstraints, Word, 200000, 700000)
TWO(nvmlDeviceGetGspFirmwareMode, Word, 1, 1)
ONE(nvmlDeviceGetPowerUsage, Word, 75420)
ONE(nvmlDeviceGetEnforcedPowerLimit, Word, 700000)
ONE(nvmlDeviceGetPowerManagementLimit, Word, 700000)
ONE(nvmlDeviceGetPowerManagementDefaultLimit, Word, 700000)
ONE(nvmlDeviceGetPersistenceMode, Word, 1)
ONE(nvmlDeviceGetDisplayMode, Word, 1)
ONE(nvmlDeviceGetDisplayActive, Word, 0)
ONE(nvmlDeviceGetComputeMode, Word, 0)
ONE(nvmlDeviceGetPerformanceState, Word, 0)
ONE(nvmlDeviceGetArchitecture, Word, 9)
ONE(nvmlDeviceGetBrand, Word, 14)
ONE(nvmlDeviceGetMinorNumber, Word, 0)
ONE(nvmlDeviceGetCurrPcieLinkGeneration, Word, 5)
ONE(nvmlDeviceGetMaxPcieLinkGeneration, Word, 5)
ONE(nvmlDeviceGetCurrPcieLinkWidth, Word, 16)
ONE(nvmlDeviceGetMaxPcieLinkWidth, Word, 16)
ONE(nvmlDeviceGetPcieReplayCounter, Word, 0)
ONE(nvmlDeviceGetCurrentClocksEventReasons, Long, 0x5)
ONE(nvmlDeviceGetSupportedClocksEventReasons, Long, 0x1ff)
BY(nvmlDeviceGetTemperature, Word, 30)
BY(nvmlDeviceGetClockInfo, Word, 345, 345, 3201, 765)
BY(nvmlDeviceGetMaxClockInfo, Word, 1980, 1980, 3201, 1545)
BY(nvmlDeviceGetPcieThroughput, Word, 2048, 4096)

FAKE(nvmlDeviceGetTotalEccErrors)(nvmlDevice_t device, Word type, Word, Long* count) {
  const nvmlReturn_t status = gate(device);
  if (status == NVML_SUCCESS) *count = type;
  return status;
}

FAKE(nvmlDeviceGetFieldValues)(nvmlDevice_t device, int count, nvmlFieldValue_t* values) {
  const nvmlReturn_t status = gate(device);
  for (int i = 0; status == NVML_SUCCESS && i < count; ++i) {
    nvmlFieldValue_t& value = values[i];
    value.nvmlReturn = NVML_SUCCESS;
    value.valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
    switch (value.fieldId) {
      case NVML_FI_DEV_MEMORY_TEMP: value.value.uiVal = 41; break;
      case NVML_FI_DEV_POWER_INSTANT: value.value.uiVal = 76001; break;
      case NVML_FI_DEV_NVLINK_GET_SPEED:
        value.value.uiVal = 26562;
        if (value.scopeId != 0) value.nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
        break;
      case NVML_FI_DEV_PERF_POLICY_POWER:
        value.valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
        value.value.ullVal = 1202176999;
        break;
      // Numbered one way, the other way, and both.
      case NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN: value.value.uiVal = 251'000; break;
      case NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_13_0: value.value.uiVal = 270'000; break;
      case NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN: value.value.uiVal = 253'000; break;
      case NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_13_0: value.value.uiVal = 271'000; break;
      default: value.nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
    }
  }
  return status;
}

// One process that computes, one that draws, and one that does both.
static nvmlReturn_t list(nvmlDevice_t device, Word* count, nvmlProcessInfo_t* to, const nvmlProcessInfo_t (&all)[2]) {
  const nvmlReturn_t status = gate(device);
  if (status != NVML_SUCCESS) return status;
  if (*count < 2) return *count = 2, NVML_ERROR_INSUFFICIENT_SIZE;
  std::copy(std::begin(all), std::end(all), to);
  return *count = 2, NVML_SUCCESS;
}
FAKE(nvmlDeviceGetComputeRunningProcesses_v3)(nvmlDevice_t device, Word* count, nvmlProcessInfo_t* to) {
  return list(device, count, to,
              {{4321, 629145600, kNvmlNoInstance, kNvmlNoInstance},
               {77, kNvmlUnknownMemory, kNvmlNoInstance, kNvmlNoInstance}});
}
FAKE(nvmlDeviceGetGraphicsRunningProcesses_v3)(nvmlDevice_t device, Word* count, nvmlProcessInfo_t* to) {
  return list(
      device, count, to,
      {{77, kNvmlUnknownMemory, kNvmlNoInstance, kNvmlNoInstance}, {9, 1048576, kNvmlNoInstance, kNvmlNoInstance}});
}
FAKE(nvmlDeviceGetProcessUtilization)
(nvmlDevice_t device, nvmlProcessUtilizationSample_t* to, Word* count, Long since) {
  const nvmlReturn_t status = gate(device);
  if (status != NVML_SUCCESS) return status;
  if (since >= 2'000'000) return NVML_ERROR_NOT_FOUND;
  if (to == nullptr || *count < 2) return *count = 2, NVML_ERROR_INSUFFICIENT_SIZE;
  to[0] = {4321, 1'000'000, 10, 5, 0, 0};
  to[1] = {4321, 2'000'000, 20, 7, 0, 0};
  return *count = 2, NVML_SUCCESS;
}

// The cards are at a switch, by 18 links.
FAKE(nvmlDeviceGetNvLinkState)(nvmlDevice_t, Word link, Word* state) {
  if (link >= 18) return NVML_ERROR_INVALID_ARGUMENT;
  return *state = 1, NVML_SUCCESS;
}
FAKE(nvmlDeviceGetNvLinkRemoteDeviceType)(nvmlDevice_t, Word, Word* type) { return *type = 2, NVML_SUCCESS; }
FAKE(nvmlDeviceGetCpuAffinity)(nvmlDevice_t device, Word count, unsigned long* bits) {
  const nvmlReturn_t status = gate(device);
  if (status != NVML_SUCCESS) return status;
  if (count < 2) return NVML_ERROR_INSUFFICIENT_SIZE;
  bits[0] = 0xf;
  bits[1] = 1;
  return NVML_SUCCESS;
}

// Every look finds a second later, of which the power limit has taken a quarter.
FAKE(nvmlDeviceGetViolationStatus)(nvmlDevice_t device, nvmlPerfPolicyType_t policy, nvmlViolationTime_t* time) {
  static unsigned long long seconds = 0;
  const nvmlReturn_t status = gate(device);
  if (status != NVML_SUCCESS) return status;
  if (policy != NVML_PERF_POLICY_POWER) return NVML_ERROR_NOT_SUPPORTED;
  ++seconds;
  *time = {seconds * 1'000'000, seconds * 250'000'000};
  return NVML_SUCCESS;
}
