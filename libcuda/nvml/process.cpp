// SPDX-License-Identifier: Apache-2.0
// Processes: those of this VM that have a session. All of them compute; none draws, and none is MPS's.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <string>

#include "libcuda/nvml/library.h"
#include "vgpu/nvml/nvml.h"

using vgpu::nvml::Library;
using vgpu::report::Process;

namespace {

constexpr unsigned kNoInstance = 0xffffffff;

// What is true for a list on any device: the place for the count, and the device.
nvmlReturn_t check(nvmlDevice_t device, const void* count) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  return count != nullptr && Library::get().knows(device) ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

template <class Info>
void fill(Info& info, const Process& process) {
  info = {};
  info.pid = process.pid;
  info.usedGpuMemory = process.device_bytes;
  if constexpr (requires { info.gpuInstanceId; }) info.gpuInstanceId = info.computeInstanceId = kNoInstance;
}

template <class Info>
nvmlReturn_t list(nvmlDevice_t device, unsigned int* count, Info* infos) {
  if (const nvmlReturn_t bad = check(device, count); bad != NVML_SUCCESS) return bad;
  if (infos == nullptr && *count != 0) return NVML_ERROR_INVALID_ARGUMENT;
  std::vector<Process> found;
  if (const nvmlReturn_t bad = Library::get().processes(device->index, found); bad != NVML_SUCCESS) return bad;
  const bool fits = found.size() <= *count;
  for (size_t i = 0; fits && i < found.size(); ++i) fill(infos[i], found[i]);
  *count = static_cast<unsigned>(found.size());
  return fits ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

nvmlReturn_t list_nobody(nvmlDevice_t device, unsigned int* count) {
  const nvmlReturn_t bad = check(device, count);
  if (bad == NVML_SUCCESS) *count = 0;
  return bad;
}

// Those whose utilisation is known, and newer than what the caller has.
nvmlReturn_t measured(nvmlDevice_t device, unsigned long long last_seen, std::vector<Process>& found) {
  if (const nvmlReturn_t bad = Library::get().processes(device->index, found); bad != NVML_SUCCESS) return bad;
  const bool any = !found.empty();
  const bool told = std::any_of(found.begin(), found.end(), [](const Process& process) {
    return process.percent != vgpu::report::kUnknownPercent;
  });
  if (any && !told) return NVML_ERROR_NOT_SUPPORTED;
  std::erase_if(found, [last_seen](const Process& process) {
    return process.percent == vgpu::report::kUnknownPercent || process.seen <= last_seen;
  });
  return found.empty() ? NVML_ERROR_NOT_FOUND : NVML_SUCCESS;
}

template <class Sample>
void fill_sample(Sample& sample, const Process& process) {
  sample = {};
  sample.pid = process.pid;
  sample.timeStamp = process.seen;
  sample.smUtil = process.percent;
}

}  // namespace

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int* count,
                                                     nvmlProcessInfo_t* infos) {
  return list(device, count, infos);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int* count,
                                                     nvmlProcessInfo_v2_t* infos) {
  return list(device, count, infos);
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned int* count,
                                                  nvmlProcessInfo_v1_t* infos) {
  return list(device, count, infos);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_t*) {
  return list_nobody(device, count);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_v2_t*) {
  return list_nobody(device, count);
}
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_v1_t*) {
  return list_nobody(device, count);
}
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_t*) {
  return list_nobody(device, count);
}
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int* count,
                                                        nvmlProcessInfo_v2_t*) {
  return list_nobody(device, count);
}
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_v1_t*) {
  return list_nobody(device, count);
}

nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device, nvmlProcessDetailList_t* list) {
  if (const nvmlReturn_t bad = check(device, list); bad != NVML_SUCCESS) return bad;
  if (list->version != nvmlProcessDetailList_v1) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  if (list->mode > 2) return NVML_ERROR_INVALID_ARGUMENT;
  std::vector<Process> found;
  if (list->mode == 0)
    if (const nvmlReturn_t bad = Library::get().processes(device->index, found); bad != NVML_SUCCESS) return bad;
  const bool fits = found.size() <= list->numProcArrayEntries && (found.empty() || list->procArray != nullptr);
  for (size_t i = 0; fits && i < found.size(); ++i) fill(list->procArray[i], found[i]);
  list->numProcArrayEntries = static_cast<unsigned>(found.size());
  return fits ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t* samples,
                                             unsigned int* count, unsigned long long last_seen) {
  if (const nvmlReturn_t bad = check(device, count); bad != NVML_SUCCESS) return bad;
  std::vector<Process> found;
  if (const nvmlReturn_t bad = measured(device, last_seen, found); bad != NVML_SUCCESS) return bad;
  const bool fits = samples != nullptr && found.size() <= *count;
  for (size_t i = 0; fits && i < found.size(); ++i) fill_sample(samples[i], found[i]);
  *count = static_cast<unsigned>(found.size());
  return fits ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device, nvmlProcessesUtilizationInfo_t* info) {
  if (const nvmlReturn_t bad = check(device, info); bad != NVML_SUCCESS) return bad;
  if (info->version != nvmlProcessesUtilizationInfo_v1) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  std::vector<Process> found;
  if (const nvmlReturn_t bad = measured(device, info->lastSeenTimeStamp, found); bad != NVML_SUCCESS) return bad;
  const bool fits = info->procUtilArray != nullptr && found.size() <= info->processSamplesCount;
  for (size_t i = 0; fits && i < found.size(); ++i) fill_sample(info->procUtilArray[i], found[i]);
  info->processSamplesCount = static_cast<unsigned>(found.size());
  return fits ? NVML_SUCCESS : NVML_ERROR_INSUFFICIENT_SIZE;
}

// The program's path as it was started; a process without one (the kernel's own) has a short name only.
nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char* name, unsigned int length) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (name == nullptr || length == 0) return NVML_ERROR_INVALID_ARGUMENT;
  const std::string directory = "/proc/" + std::to_string(pid);
  std::string text;
  std::ifstream command(directory + "/cmdline", std::ios::binary);
  if (!std::getline(command, text, '\0') || text.empty()) {
    std::ifstream short_name(directory + "/comm");
    if (!std::getline(short_name, text)) return NVML_ERROR_NOT_FOUND;
  }
  const size_t kept = std::min<size_t>(text.size(), length - 1);
  std::memcpy(name, text.data(), kept);
  name[kept] = '\0';
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetAccountingMode(nvmlDevice_t device, nvmlEnableState_t* mode) {
  const nvmlReturn_t bad = check(device, mode);
  if (bad == NVML_SUCCESS) *mode = NVML_FEATURE_DISABLED;
  return bad;
}
