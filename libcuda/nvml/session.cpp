// SPDX-License-Identifier: Apache-2.0
// Start and end of the library, and handles of devices.
#include <algorithm>
#include <cctype>
#include <cstring>
#include <string>

#include "common/uuid_text.h"
#include "libcuda/nvml/library.h"
#include "vgpu/nvml/nvml.h"

using vgpu::nvml::Library;

namespace {

using TextOf = nvmlReturn_t (*)(nvmlDevice_t, char*, unsigned int);

// The device whose text `matches`. NVML_ERROR_NOT_FOUND, or what kept all of them from telling.
template <class Matches>
nvmlReturn_t find_device(TextOf text_of, Matches matches, nvmlDevice_t* found) {
  Library& library = Library::get();
  nvmlReturn_t outcome = NVML_ERROR_NOT_FOUND;
  for (uint32_t i = 0; i < library.device_count(); ++i) {
    char text[NVML_DEVICE_UUID_V2_BUFFER_SIZE] = {};
    const nvmlDevice_t device = library.handle(i);
    const nvmlReturn_t result = text_of(device, text, sizeof text);
    if (result == NVML_SUCCESS && matches(text)) {
      *found = device;
      return NVML_SUCCESS;
    }
    if (result == NVML_ERROR_GPU_IS_LOST) outcome = result;
  }
  return outcome;
}

nvmlReturn_t check(const void* key, const void* place) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  return key != nullptr && place != nullptr ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

nvmlReturn_t pci_text(nvmlDevice_t device, char* text, unsigned int bytes) {
  nvmlPciInfo_t pci = {};
  const nvmlReturn_t result = nvmlDeviceGetPciInfo_v3(device, &pci);
  if (result == NVML_SUCCESS) std::strncpy(text, pci.busId, bytes - 1);
  return result;
}

struct Place {
  unsigned domain = 0, bus = 0, device = 0;
  bool operator==(const Place&) const = default;
};

// "domain:bus:device.0" in hexadecimal, without the domain if it is 0, and with or without the function: a GPU is the
// first one of its device, and NVIDIA's library takes an address of another for none.
bool parse_place(const char* text, Place& place) {
  unsigned parts[3] = {};
  int count = 0, used = 0;
  const char* at = text;
  for (; count < 3; ++count) {
    if (!std::isxdigit(static_cast<unsigned char>(*at)) || std::sscanf(at, "%8x%n", &parts[count], &used) != 1)
      return false;
    at += used;
    if (*at != ':') break;
    ++at;
  }
  if (count != 1 && count != 2) return false;
  place = count == 2 ? Place{parts[0], parts[1], parts[2]} : Place{0, parts[0], parts[1]};
  return *at == '\0' || std::strcmp(at, ".0") == 0;
}

}  // namespace

nvmlReturn_t nvmlInitWithFlags(unsigned int flags) { return Library::get().initialise(flags); }
nvmlReturn_t nvmlInit_v2() { return Library::get().initialise(0); }
nvmlReturn_t nvmlInit() { return Library::get().initialise(0); }
nvmlReturn_t nvmlShutdown() { return Library::get().shut_down(); }

// Private tables of the vendor's library; nobody outside of it has a use for them.
nvmlReturn_t nvmlInternalGetExportTable(const void** table, const void*) {
  if (table != nullptr) *table = nullptr;
  return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t* device) {
  if (const nvmlReturn_t bad = check(device, device); bad != NVML_SUCCESS) return bad;
  const nvmlDevice_t found = Library::get().handle(index);
  if (found == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  *device = found;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByIndex_v2(index, device);
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char* uuid, nvmlDevice_t* device) {
  if (const nvmlReturn_t bad = check(uuid, device); bad != NVML_SUCCESS) return bad;
  return find_device(
      &nvmlDeviceGetUUID, [uuid](const char* text) { return std::strcmp(text, uuid) == 0; }, device);
}

nvmlReturn_t nvmlDeviceGetHandleByUUIDV(const nvmlUUID_t* uuid, nvmlDevice_t* device) {
  if (const nvmlReturn_t bad = check(uuid, device); bad != NVML_SUCCESS) return bad;
  if (uuid->version != nvmlUUID_v1) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  std::string text;
  if (uuid->type == NVML_UUID_TYPE_ASCII)
    text.assign(uuid->value.str, ::strnlen(uuid->value.str, sizeof uuid->value.str));
  else if (uuid->type == NVML_UUID_TYPE_BINARY) text = vgpu::uuid_text(uuid->value.bytes);
  else return NVML_ERROR_INVALID_ARGUMENT;
  return nvmlDeviceGetHandleByUUID(text.c_str(), device);
}

nvmlReturn_t nvmlDeviceGetHandleBySerial(const char* serial, nvmlDevice_t* device) {
  if (const nvmlReturn_t bad = check(serial, device); bad != NVML_SUCCESS) return bad;
  return find_device(
      &nvmlDeviceGetSerial, [serial](const char* text) { return std::strcmp(text, serial) == 0; }, device);
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char* pciBusId, nvmlDevice_t* device) {
  if (const nvmlReturn_t bad = check(pciBusId, device); bad != NVML_SUCCESS) return bad;
  Place wanted;
  if (!parse_place(pciBusId, wanted)) return NVML_ERROR_INVALID_ARGUMENT;
  const auto is_there = [&wanted](const char* text) {
    Place place;
    return parse_place(text, place) && place == wanted;
  };
  return find_device(&pci_text, is_there, device);
}
nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char* pciBusId, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByPciBusId_v2(pciBusId, device);
}

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int* index) {
  if (const nvmlReturn_t bad = check(device, index); bad != NVML_SUCCESS) return bad;
  if (!Library::get().knows(device)) return NVML_ERROR_INVALID_ARGUMENT;
  *index = device->index;
  return NVML_SUCCESS;
}
