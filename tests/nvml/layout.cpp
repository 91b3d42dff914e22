// SPDX-License-Identifier: Apache-2.0
// Prints sizes, offsets and numbers of NVML's types as one header has them: ours, or with -DVENDOR the one that is
// named nvml.h. tests/nvml/layout.sh compares the two.
#include <cstddef>
#include <cstdio>

#ifdef VENDOR
#include <nvml.h>
#else
#include "vgpu/nvml/nvml_types.h"
#endif

#define SIZE(type) std::printf("sizeof " #type " %zu\n", sizeof(type))
#define FIELD(type, field) std::printf(#type "." #field " %zu %zu\n", offsetof(type, field), sizeof(type::field))
#define NUMBER(name) std::printf(#name " %lld\n", static_cast<long long>(name))

int main() {
  SIZE(nvmlUtilization_t);
  FIELD(nvmlUtilization_t, memory);
  SIZE(nvmlMemory_t);
  FIELD(nvmlMemory_t, free);
  FIELD(nvmlMemory_t, used);
  SIZE(nvmlMemory_v2_t);
  FIELD(nvmlMemory_v2_t, total);
  FIELD(nvmlMemory_v2_t, reserved);
  FIELD(nvmlMemory_v2_t, used);
  SIZE(nvmlBAR1Memory_t);
  FIELD(nvmlBAR1Memory_t, bar1Free);
  SIZE(nvmlPciInfo_t);
  FIELD(nvmlPciInfo_t, domain);
  FIELD(nvmlPciInfo_t, pciDeviceId);
  FIELD(nvmlPciInfo_t, busId);
  SIZE(nvmlProcessInfo_v1_t);
  FIELD(nvmlProcessInfo_v1_t, usedGpuMemory);
  SIZE(nvmlProcessInfo_v2_t);
  FIELD(nvmlProcessInfo_v2_t, gpuInstanceId);
  FIELD(nvmlProcessInfo_v2_t, computeInstanceId);
  SIZE(nvmlProcessInfo_t);
  SIZE(nvmlProcessDetail_v1_t);
  FIELD(nvmlProcessDetail_v1_t, usedGpuCcProtectedMemory);
  SIZE(nvmlProcessDetailList_t);
  FIELD(nvmlProcessDetailList_t, procArray);
  SIZE(nvmlProcessUtilizationSample_t);
  FIELD(nvmlProcessUtilizationSample_t, timeStamp);
  FIELD(nvmlProcessUtilizationSample_t, decUtil);
  SIZE(nvmlProcessUtilizationInfo_v1_t);
  FIELD(nvmlProcessUtilizationInfo_v1_t, pid);
  FIELD(nvmlProcessUtilizationInfo_v1_t, ofaUtil);
  SIZE(nvmlProcessesUtilizationInfo_t);
  FIELD(nvmlProcessesUtilizationInfo_t, procUtilArray);
  SIZE(nvmlAccountingStats_t);
  FIELD(nvmlAccountingStats_t, maxMemoryUsage);
  FIELD(nvmlAccountingStats_t, isRunning);
  SIZE(nvmlDeviceAttributes_t);
  FIELD(nvmlDeviceAttributes_t, memorySizeMB);
  SIZE(nvmlEccErrorCounts_t);
  SIZE(nvmlRowRemapperHistogramValues_t);
  SIZE(nvmlViolationTime_t);
  SIZE(nvmlValue_t);
  SIZE(nvmlSample_t);
  FIELD(nvmlSample_t, sampleValue);
  SIZE(nvmlFieldValue_t);
  FIELD(nvmlFieldValue_t, scopeId);
  FIELD(nvmlFieldValue_t, timestamp);
  FIELD(nvmlFieldValue_t, valueType);
  FIELD(nvmlFieldValue_t, nvmlReturn);
  FIELD(nvmlFieldValue_t, value);
  SIZE(nvmlGpuThermalSettings_t);
  FIELD(nvmlGpuThermalSettings_t, sensor);
  SIZE(nvmlGpuDynamicPstatesInfo_t);
  SIZE(nvmlClkMonStatus_t);
  SIZE(nvmlBridgeChipHierarchy_t);
  SIZE(nvmlFBCStats_t);
  SIZE(nvmlEncoderSessionInfo_t);
  FIELD(nvmlEncoderSessionInfo_t, averageLatency);
  SIZE(nvmlFBCSessionInfo_t);
  FIELD(nvmlFBCSessionInfo_t, averageLatency);
  SIZE(nvmlGpmSupport_t);
  FIELD(nvmlGpmSupport_t, isSupportedDevice);
  SIZE(nvmlGpmMetric_t);
  FIELD(nvmlGpmMetric_t, value);
  FIELD(nvmlGpmMetric_t, metricInfo);
  FIELD(nvmlGpmMetricsGet_t, sample2);
  FIELD(nvmlGpmMetricsGet_t, numMetrics);
  SIZE(nvmlEventData_t);
  FIELD(nvmlEventData_t, eventType);
  FIELD(nvmlEventData_t, gpuInstanceId);
  SIZE(nvmlConfComputeSystemCaps_t);
  SIZE(nvmlConfComputeSystemState_t);
  SIZE(nvmlConfComputeMemSizeInfo_t);
  SIZE(nvmlC2cModeInfo_v1_t);
  SIZE(nvmlGpuFabricInfo_t);
  FIELD(nvmlGpuFabricInfo_t, status);
  FIELD(nvmlGpuFabricInfo_t, state);
  SIZE(nvmlHwbcEntry_t);
  SIZE(nvmlEnableState_t);
  SIZE(nvmlReturn_t);
  SIZE(nvmlClockType_t);
  SIZE(nvmlBusType_t);
  SIZE(nvmlDeviceArchitecture_t);
  NUMBER(NVML_ERROR_INVALID_STATE);
  NUMBER(NVML_ERROR_UNKNOWN);
  NUMBER(NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
  NUMBER(NVML_BRAND_TITAN_RTX);
  NUMBER(NVML_BRAND_NVIDIA);
  NUMBER(NVML_CLOCK_COUNT);
  NUMBER(NVML_CLOCK_ID_COUNT);
  NUMBER(NVML_TEMPERATURE_COUNT);
  NUMBER(NVML_TEMPERATURE_THRESHOLD_ACOUSTIC_MAX);
  NUMBER(NVML_PSTATE_UNKNOWN);
  NUMBER(NVML_MEMORY_LOCATION_SRAM);
  NUMBER(NVML_P2P_CAPS_INDEX_PCI);
  NUMBER(NVML_TOPOLOGY_SYSTEM);
  NUMBER(NVML_VALUE_TYPE_SIGNED_INT);
  NUMBER(NVML_PERF_POLICY_TOTAL_BASE_CLOCKS);
  NUMBER(NVML_NVLINK_CAP_VALID);
  NUMBER(NVML_NVLINK_ERROR_DL_ECC_DATA);
  NUMBER(NVML_INFOROM_POWER);
  NUMBER(NVML_GOM_LOW_DP);
  NUMBER(NVML_OFA_UTILIZATION_SAMPLES);
  NUMBER(NVML_GPM_METRIC_ANY_TENSOR_UTIL);
  NUMBER(NVML_GPM_METRIC_DRAM_BW_UTIL);
  NUMBER(NVML_GPM_SUPPORT_VERSION);
  NUMBER(NVML_GPM_METRICS_GET_VERSION);
  NUMBER(NVML_DEVICE_UUID_V2_BUFFER_SIZE);
  NUMBER(NVML_DEVICE_NAME_V2_BUFFER_SIZE);
  NUMBER(NVML_DEVICE_SERIAL_BUFFER_SIZE);
  NUMBER(nvmlMemory_v2);
  NUMBER(nvmlProcessDetailList_v1);
  NUMBER(nvmlProcessesUtilizationInfo_v1);
  NUMBER(NVML_INIT_FLAG_NO_GPUS);
  NUMBER(NVML_INIT_FLAG_NO_ATTACH);
  return 0;
}
