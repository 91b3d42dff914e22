// SPDX-License-Identifier: Apache-2.0
// Event sets. None of the card's events is carried, so no device supports any, and waiting ends with the time.
#include <poll.h>

#include <mutex>
#include <set>

#include "libcuda/nvml/library.h"
#include "vgpu/nvml/nvml.h"

using vgpu::nvml::Library;

struct nvmlEventSet_st {};

namespace {

// Sets that exist; a handle is looked up before it is used, because programs free them twice.
struct Sets {
  std::mutex mutex;  // guards the rest
  std::set<nvmlEventSet_t> all;
};
Sets& sets() {
  static Sets* const made = new Sets;  // Never destroyed, like the library.
  return *made;
}

bool exists(nvmlEventSet_t set) {
  Sets& known = sets();
  const std::lock_guard lock(known.mutex);
  return known.all.contains(set);
}

}  // namespace

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t* set) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (set == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  Sets& known = sets();
  const std::lock_guard lock(known.mutex);
  *set = new nvmlEventSet_st;
  known.all.insert(*set);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  Sets& known = sets();
  const std::lock_guard lock(known.mutex);
  if (known.all.erase(set) == 0) return NVML_ERROR_INVALID_ARGUMENT;
  delete set;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t* data, unsigned int timeoutms) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (data == nullptr || !exists(set)) return NVML_ERROR_INVALID_ARGUMENT;
  ::poll(nullptr, 0, timeoutms > 0x7fffffff ? -1 : static_cast<int>(timeoutms));
  return NVML_ERROR_TIMEOUT;
}
nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t* data, unsigned int timeoutms) {
  return nvmlEventSetWait_v2(set, data, timeoutms);
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long* types) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (types == nullptr || !Library::get().knows(device)) return NVML_ERROR_INVALID_ARGUMENT;
  *types = 0;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set) {
  if (!Library::get().ready()) return NVML_ERROR_UNINITIALIZED;
  if (!Library::get().knows(device) || !exists(set)) return NVML_ERROR_INVALID_ARGUMENT;
  return types == 0 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}
