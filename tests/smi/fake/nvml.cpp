// SPDX-License-Identifier: Apache-2.0
// A libnvidia-ml.so.1 of which a test knows every answer. VGPU_FAKE_NVML chooses what it plays:
//   (nothing)  two cards, of which the second has only a name, a UUID and an address
//   empty      no card            no-driver  nvmlInit says so
//   denied     every reading needs permission         lost  the cards have fallen off the bus
//   rude       processes have names with control characters, and bytes that are no UTF-8
#include "tests/smi/fake/nvml.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace vgpu::test::fake {

bool plays(const char* role) {
  const char* const chosen = std::getenv("VGPU_FAKE_NVML");
  return chosen != nullptr && std::strcmp(chosen, role) == 0;
}

nvmlReturn_t gate(nvmlDevice_t device) {
  if (plays("denied")) return NVML_ERROR_NO_PERMISSION;
  if (plays("lost")) return NVML_ERROR_GPU_IS_LOST;
  if (index_of(device) < 0) return NVML_ERROR_INVALID_ARGUMENT;
  return index_of(device) == 0 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

nvmlDevice_t device_at(unsigned int index) { return reinterpret_cast<nvmlDevice_t>(uintptr_t{0x1000} + index * 16); }

int index_of(nvmlDevice_t device) {
  for (unsigned int i = 0; i < kCards; ++i)
    if (device == device_at(i)) return static_cast<int>(i);
  return -1;
}

nvmlReturn_t give(char* to, unsigned int room, const char* words) {
  if (std::strlen(words) >= room) return NVML_ERROR_INSUFFICIENT_SIZE;
  std::strcpy(to, words);
  return NVML_SUCCESS;
}

}  // namespace vgpu::test::fake

using namespace vgpu::test::fake;

FAKE(nvmlInit_v2)() { return plays("no-driver") ? NVML_ERROR_DRIVER_NOT_LOADED : NVML_SUCCESS; }
FAKE(nvmlShutdown)() { return NVML_SUCCESS; }
extern "C" [[gnu::visibility("default")]] const char* nvmlErrorString(nvmlReturn_t code) {
  switch (code) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NO_PERMISSION: return "Insufficient Permissions";
    case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
    default: return "Unknown Error";
  }
}
FAKE(nvmlSystemGetDriverVersion)(char* to, unsigned int room) { return give(to, room, "580.159.04"); }
FAKE(nvmlSystemGetNVMLVersion)(char* to, unsigned int room) { return give(to, room, "13.580.159.04"); }
FAKE(nvmlSystemGetCudaDriverVersion_v2)(int* version) { return *version = 13000, NVML_SUCCESS; }
FAKE(nvmlSystemGetProcessName)(unsigned int pid, char* to, unsigned int room) {
  if (plays("rude")) return give(to, room, "\x1b[31mred\n\x7f, \xc3\xa9\xff");
  return pid == 4321 ? give(to, room, "/usr/bin/python3, with a comma") : NVML_ERROR_NOT_FOUND;
}

FAKE(nvmlDeviceGetCount_v2)(unsigned int* count) { return *count = plays("empty") ? 0 : kCards, NVML_SUCCESS; }
FAKE(nvmlDeviceGetHandleByIndex_v2)(unsigned int index, nvmlDevice_t* device) {
  if (index >= kCards) return NVML_ERROR_INVALID_ARGUMENT;
  return *device = device_at(index), NVML_SUCCESS;
}
FAKE(nvmlDeviceGetHandleByUUID)(const char* uuid, nvmlDevice_t* device) {
  for (unsigned int i = 0; i < kCards; ++i)
    if (std::strcmp(uuid, kUuids[i]) == 0) return *device = device_at(i), NVML_SUCCESS;
  return NVML_ERROR_NOT_FOUND;
}
FAKE(nvmlDeviceGetHandleByPciBusId_v2)(const char* address, nvmlDevice_t* device) {
  for (unsigned int i = 0; i < kCards; ++i)
    if (std::string_view(kAddresses[i]).ends_with(address)) return *device = device_at(i), NVML_SUCCESS;
  return NVML_ERROR_NOT_FOUND;
}
FAKE(nvmlDeviceGetHandleBySerial)(const char* serial, nvmlDevice_t* device) {
  if (std::strcmp(serial, "1650522003820") != 0) return NVML_ERROR_NOT_FOUND;
  return *device = device_at(0), NVML_SUCCESS;
}
FAKE(nvmlDeviceGetIndex)(nvmlDevice_t device, unsigned int* index) {
  if (index_of(device) < 0) return NVML_ERROR_INVALID_ARGUMENT;
  return *index = static_cast<unsigned int>(index_of(device)), NVML_SUCCESS;
}
FAKE(nvmlDeviceGetName)(nvmlDevice_t device, char* to, unsigned int room) {
  return give(
      to, room,
      index_of(device) == 0 ? "NVIDIA H200" : "A card with a name that is too long for its <column> & \"more\"");
}
FAKE(nvmlDeviceGetUUID)(nvmlDevice_t device, char* to, unsigned int room) {
  return give(to, room, kUuids[index_of(device)]);
}
FAKE(nvmlDeviceGetPciInfo_v3)(nvmlDevice_t device, nvmlPciInfo_t* info) {
  *info = {};
  std::strcpy(info->busId, kAddresses[index_of(device)]);
  std::strcpy(info->busIdLegacy, kAddresses[index_of(device)] + 4);
  info->bus = index_of(device) == 0 ? 0x1b : 0xff;
  info->pciDeviceId = 0x233510de;
  info->pciSubSystemId = 0x18be10de;
  return NVML_SUCCESS;
}
