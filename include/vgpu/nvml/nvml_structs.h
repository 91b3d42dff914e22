// SPDX-License-Identifier: Apache-2.0
// NVML's structs, our own declarations (see nvml_types.h, which includes this file). Sizes of what a row carries are
// asserted here; bytes unless said otherwise.
#pragma once

#include "vgpu/nvml/nvml_types.h"

typedef struct nvmlUtilization_st {
  unsigned int gpu;  // percent of the last sample period in which a kernel ran
  unsigned int memory;
} nvmlUtilization_t;

typedef struct nvmlMemory_st {
  unsigned long long total, free, used;
} nvmlMemory_t;
typedef struct nvmlMemory_v2_st {
  unsigned int version;
  unsigned long long total, reserved, free, used;
} nvmlMemory_v2_t;
#define nvmlMemory_v2 NVML_STRUCT_VERSION(nvmlMemory_v2_t, 2)
typedef struct nvmlBAR1Memory_st {
  unsigned long long bar1Total, bar1Free, bar1Used;
} nvmlBAR1Memory_t;

typedef struct nvmlPciInfo_st {
  char busIdLegacy[16];  // "0000:65:00.0"
  unsigned int domain, bus, device;
  unsigned int pciDeviceId;  // device id in the upper half, vendor in the lower
  unsigned int pciSubSystemId;
  char busId[32];  // "00000000:65:00.0"
} nvmlPciInfo_t;
typedef struct nvmlPciInfo_v2_st {
  char busId[16];
  unsigned int domain, bus, device;
  unsigned int pciDeviceId;
  unsigned int pciSubSystemId;
  unsigned int reserved[4];
} nvmlPciInfo_v2_t;

typedef struct nvmlProcessInfo_v1_st {
  unsigned int pid;
  unsigned long long usedGpuMemory;
} nvmlProcessInfo_v1_t;
typedef struct nvmlProcessInfo_v2_st {
  unsigned int pid;
  unsigned long long usedGpuMemory;
  unsigned int gpuInstanceId, computeInstanceId;
} nvmlProcessInfo_v2_t;
typedef nvmlProcessInfo_v2_t nvmlProcessInfo_t;
typedef struct nvmlProcessDetail_v1_st {
  unsigned int pid;
  unsigned long long usedGpuMemory;
  unsigned int gpuInstanceId, computeInstanceId;
  unsigned long long usedGpuCcProtectedMemory;
} nvmlProcessDetail_v1_t;
typedef struct nvmlProcessDetailList_v1_st {
  unsigned int version;
  unsigned int mode;  // 0 compute, 1 graphics, 2 MPS
  unsigned int numProcArrayEntries;
  nvmlProcessDetail_v1_t* procArray;
} nvmlProcessDetailList_t;
#define nvmlProcessDetailList_v1 NVML_STRUCT_VERSION(nvmlProcessDetailList_t, 1)

typedef struct nvmlProcessUtilizationSample_st {
  unsigned int pid;
  unsigned long long timeStamp;  // microseconds
  unsigned int smUtil, memUtil, encUtil, decUtil;
} nvmlProcessUtilizationSample_t;
typedef struct nvmlProcessUtilizationInfo_v1_st {
  unsigned long long timeStamp;
  unsigned int pid;
  unsigned int smUtil, memUtil, encUtil, decUtil, jpgUtil, ofaUtil;
} nvmlProcessUtilizationInfo_v1_t;
typedef struct nvmlProcessesUtilizationInfo_v1_st {
  unsigned int version;
  unsigned int processSamplesCount;
  unsigned long long lastSeenTimeStamp;
  nvmlProcessUtilizationInfo_v1_t* procUtilArray;
} nvmlProcessesUtilizationInfo_t;
#define nvmlProcessesUtilizationInfo_v1 NVML_STRUCT_VERSION(nvmlProcessesUtilizationInfo_t, 1)

typedef struct nvmlAccountingStats_st {
  unsigned int gpuUtilization, memoryUtilization;
  unsigned long long maxMemoryUsage;
  unsigned long long time, startTime;
  unsigned int isRunning;
  unsigned int reserved[5];
} nvmlAccountingStats_t;

typedef struct nvmlDeviceAttributes_st {
  unsigned int multiprocessorCount;
  unsigned int sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount, sharedJpegCount, sharedOfaCount;
  unsigned int gpuInstanceSliceCount, computeInstanceSliceCount;
  unsigned long long memorySizeMB;
} nvmlDeviceAttributes_t;

typedef struct nvmlEccErrorCounts_st {
  unsigned long long l1Cache, l2Cache, deviceMemory, registerFile;
} nvmlEccErrorCounts_t;
typedef struct nvmlRowRemapperHistogramValues_st {
  unsigned int max, high, partial, low, none;
} nvmlRowRemapperHistogramValues_t;

typedef struct nvmlViolationTime_st {
  unsigned long long referenceTime;  // microseconds
  unsigned long long violationTime;  // nanoseconds
} nvmlViolationTime_t;

typedef union nvmlValue_st {
  double dVal;
  int siVal;
  unsigned int uiVal;
  unsigned long ulVal;
  unsigned long long ullVal;
  long long sllVal;
  unsigned short usVal;
} nvmlValue_t;
typedef struct nvmlSample_st {
  unsigned long long timeStamp;  // microseconds
  nvmlValue_t sampleValue;
} nvmlSample_t;
typedef struct nvmlFieldValue_st {
  unsigned int fieldId;
  unsigned int scopeId;
  long long timestamp;    // microseconds
  long long latencyUsec;  // how long the value took
  nvmlValueType_t valueType;
  nvmlReturn_t nvmlReturn;
  nvmlValue_t value;
} nvmlFieldValue_t;

typedef struct nvmlGpuThermalSettings_st {
  unsigned int count;
  struct {
    int controller;
    int defaultMinTemp, defaultMaxTemp, currentTemp;
    int target;
  } sensor[3];
} nvmlGpuThermalSettings_t;

typedef struct nvmlGpuDynamicPstatesInfo_st {
  unsigned int flags;
  struct {
    unsigned int bIsPresent, percentage, incThreshold, decThreshold;
  } utilization[8];
} nvmlGpuDynamicPstatesInfo_t;

typedef struct nvmlClkMonStatus_st {
  unsigned int bGlobalStatus;
  unsigned int clkMonListSize;
  struct {
    unsigned int clkApiDomain, clkDomainFaultMask;
  } clkMonList[32];
} nvmlClkMonStatus_t;

typedef struct nvmlBridgeChipHierarchy_st {
  unsigned char bridgeCount;
  struct {
    unsigned int type, fwVersion;
  } bridgeChipInfo[128];
} nvmlBridgeChipHierarchy_t;

typedef struct nvmlEncoderSessionInfo_st {
  unsigned int sessionId, pid;
  nvmlVgpuInstance_t vgpuInstance;
  nvmlEncoderType_t codecType;
  unsigned int hResolution, vResolution, averageFps, averageLatency;
} nvmlEncoderSessionInfo_t;

typedef struct nvmlFBCStats_st {
  unsigned int sessionsCount, averageFPS, averageLatency;
} nvmlFBCStats_t;

typedef struct nvmlFBCSessionInfo_st {
  unsigned int sessionId, pid;
  nvmlVgpuInstance_t vgpuInstance;
  unsigned int displayOrdinal, sessionType, sessionFlags;
  unsigned int hMaxResolution, vMaxResolution, hResolution, vResolution, averageFPS, averageLatency;
} nvmlFBCSessionInfo_t;

// Performance metrics (GPM). Versions are plain numbers here. A program may have less room for metrics than this, as
// older headers have: only the first `numMetrics` are there.
#define NVML_GPM_SUPPORT_VERSION 1
typedef struct nvmlGpmSupport_st {
  unsigned int version;
  unsigned int isSupportedDevice;
} nvmlGpmSupport_t;
typedef struct nvmlGpmMetric_st {
  unsigned int metricId;
  nvmlReturn_t nvmlReturn;
  double value;
  struct {
    char* shortName;
    char* longName;
    char* unit;
  } metricInfo;  // null: has no name
} nvmlGpmMetric_t;
#define NVML_GPM_METRIC_MAX 333
#define NVML_GPM_METRICS_GET_VERSION 1
typedef struct nvmlGpmMetricsGet_st {
  unsigned int version;
  unsigned int numMetrics;
  nvmlGpmSample_t sample1, sample2;
  nvmlGpmMetric_t metrics[NVML_GPM_METRIC_MAX];
} nvmlGpmMetricsGet_t;

typedef struct nvmlUUID_v1_st {
  unsigned int version;
  unsigned int type;  // nvmlUUIDType_t
  union {
    char str[41];
    unsigned char bytes[16];
  } value;
} nvmlUUID_t;
#define nvmlUUID_v1 NVML_STRUCT_VERSION(nvmlUUID_t, 1)

// nvmlEventSetWait's, from before cards could be cut.
typedef struct nvmlEventData_v1_st {
  nvmlDevice_t device;
  unsigned long long eventType;
  unsigned long long eventData;
} nvmlEventData_v1_t;
typedef struct nvmlEventData_st {
  nvmlDevice_t device;
  unsigned long long eventType;
  unsigned long long eventData;
  unsigned int gpuInstanceId, computeInstanceId;
} nvmlEventData_t;

typedef struct nvmlConfComputeSystemCaps_st {
  unsigned int cpuCaps, gpusCaps;
} nvmlConfComputeSystemCaps_t;
typedef struct nvmlConfComputeSystemState_st {
  unsigned int environment, ccFeature, devToolsMode;
} nvmlConfComputeSystemState_t;
typedef struct nvmlConfComputeMemSizeInfo_st {
  unsigned long long protectedMemSizeKib, unprotectedMemSizeKib;
} nvmlConfComputeMemSizeInfo_t;

typedef struct nvmlC2cModeInfo_v1_st {
  unsigned int isC2cEnabled;
} nvmlC2cModeInfo_v1_t;

typedef struct nvmlGpuFabricInfo_st {
  unsigned char clusterUuid[16];
  int status;
  unsigned int cliqueId;
  unsigned char state;
} nvmlGpuFabricInfo_t;

typedef struct nvmlHwbcEntry_st {
  unsigned int hwbcId;
  char firmwareVersion[32];
} nvmlHwbcEntry_t;
