// SPDX-License-Identifier: Apache-2.0
// What vgpu-smi needs of NVML's public interface beyond what our own library carries (vgpu/nvml): more structs, and
// numbers. Our own declarations; names are NVML's, letter by letter, and sizes are asserted: they are a contract. The
// library behind it may be NVIDIA's or ours; calls are found by name at run time (nvml.h).
#pragma once

#include "vgpu/nvml/nvml_types.h"

// Structs that grew carry their size and a version in the first word.
template <class T>
constexpr unsigned int nvml_version(unsigned int version) {
  return static_cast<unsigned int>(sizeof(T)) | version << 24;
}

constexpr unsigned long long kNvmlUnknownMemory = ~0ull;
constexpr unsigned int kNvmlNoInstance = ~0u;

struct nvmlPciInfoExt_v1_t {
  unsigned int version;
  unsigned int domain, bus, device;
  unsigned int pciDeviceId, pciSubSystemId;
  unsigned int baseClass, subClass;
  char busId[32];
};
static_assert(sizeof(nvmlPciInfoExt_v1_t) == 64);

struct nvmlMarginTemperature_v1_t {
  unsigned int version;
  int marginTemperature;
};

struct nvmlEccSramErrorStatus_v1_t {
  unsigned int version;
  unsigned long long aggregateUncParity, aggregateUncSecDed, aggregateCor;
  unsigned long long volatileUncParity, volatileUncSecDed, volatileCor;
  unsigned long long aggregateUncBucketL2, aggregateUncBucketSm, aggregateUncBucketPcie;
  unsigned long long aggregateUncBucketMcu, aggregateUncBucketOther;
  unsigned int bThresholdExceeded;
};
static_assert(sizeof(nvmlEccSramErrorStatus_v1_t) == 104);

struct nvmlDeviceAddressingMode_v1_t {
  unsigned int version, value;
};

struct nvmlGpuFabricInfo_v2_t {
  unsigned int version;
  unsigned char clusterUuid[16];
  nvmlReturn_t status;
  unsigned int cliqueId;
  unsigned char state;
  unsigned int healthMask;
};
static_assert(sizeof(nvmlGpuFabricInfo_v2_t) == 36);

// Numbers of nvmlDeviceGetFieldValues that vgpu-smi asks for.
enum NvmlField : unsigned int {
  NVML_FI_DEV_RETIRED_PENDING = 31,
  NVML_FI_DEV_PERF_POLICY_POWER = 74,
  NVML_FI_DEV_PERF_POLICY_SYNC_BOOST = 76,
  NVML_FI_DEV_MEMORY_TEMP = 82,
  NVML_FI_DEV_NVLINK_GET_SPEED = 164,
  NVML_FI_DEV_POWER_AVERAGE = 185,
  NVML_FI_DEV_POWER_INSTANT = 186,
  NVML_FI_DEV_TEMPERATURE_SHUTDOWN_TLIMIT = 193,
  NVML_FI_DEV_TEMPERATURE_SLOWDOWN_TLIMIT = 194,
  NVML_FI_DEV_TEMPERATURE_MEM_MAX_TLIMIT = 195,
  NVML_FI_DEV_TEMPERATURE_GPU_MAX_TLIMIT = 196,
  NVML_FI_DEV_GET_GPU_RECOVERY_ACTION = 230,
  NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN = 251,
  NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN = 252,
  NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN = 253,
  // The same three in the header of CUDA 13.0, where 251 to 268 are about the smoothing of power.
  NVML_FI_DEV_CLOCKS_EVENT_REASON_SW_THERM_SLOWDOWN_13_0 = 269,
  NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_THERM_SLOWDOWN_13_0 = 270,
  NVML_FI_DEV_CLOCKS_EVENT_REASON_HW_POWER_BRAKE_SLOWDOWN_13_0 = 271,
};
