// SPDX-License-Identifier: Apache-2.0
// What the driver has recorded of a device's work, and the states of performance that it has.
#include <algorithm>
#include <vector>

#include "libcuda/nvml/library.h"
#include "vgpu/nvml/nvml.h"

using vgpu::nvml::Library;
using Word = uint64_t;

namespace {

Word word(const void* place) { return reinterpret_cast<Word>(place); }

// All samples that there are, oldest first, and how many there may be.
nvmlReturn_t all_samples(nvmlDevice_t device, nvmlSamplingType_t type, nvmlValueType_t& value_type, unsigned int& most,
                         std::vector<nvmlSample_t>& found) {
  unsigned int count = vgpu::nvml::kMaxElements;
  found.resize(count);
  const nvmlReturn_t result = vgpu::nvml::invoke_inner(
      "vgpuSamples",
      {word(device), static_cast<Word>(type), word(&value_type), word(&most), word(&count), word(found.data())});
  found.resize(result == NVML_SUCCESS ? count : 0);
  return result;
}

}  // namespace

nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, nvmlSamplingType_t type, unsigned long long last_seen,
                                  nvmlValueType_t* value_type, unsigned int* count, nvmlSample_t* samples) {
  const Library& library = Library::get();
  if (!library.ready()) return NVML_ERROR_UNINITIALIZED;
  if (!library.knows(device) || value_type == nullptr || count == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  if (samples != nullptr && *count == 0) return NVML_ERROR_INVALID_ARGUMENT;
  std::vector<nvmlSample_t> found;
  unsigned int most = 0;
  if (const nvmlReturn_t bad = all_samples(device, type, *value_type, most, found); bad != NVML_SUCCESS) return bad;
  if (samples == nullptr) {
    *count = most;
    return NVML_SUCCESS;
  }
  std::erase_if(found, [last_seen](const nvmlSample_t& sample) { return sample.timeStamp <= last_seen; });
  if (found.empty()) return NVML_ERROR_NOT_FOUND;
  // A place that is too small gets what it has room for.
  const size_t given = std::min<size_t>(*count, found.size());
  std::copy_n(found.begin(), given, samples);
  *count = static_cast<unsigned int>(given);
  return NVML_SUCCESS;
}

// `size` is in bytes; what is left of the place says that it is no state.
nvmlReturn_t nvmlDeviceGetSupportedPerformanceStates(nvmlDevice_t device, nvmlPstates_t* states, unsigned int size) {
  const Library& library = Library::get();
  if (!library.ready()) return NVML_ERROR_UNINITIALIZED;
  if (!library.knows(device) || states == nullptr || size == 0) return NVML_ERROR_INVALID_ARGUMENT;
  const size_t room = size / sizeof(nvmlPstates_t);
  std::vector<nvmlPstates_t> found(vgpu::nvml::kMaxElements);
  unsigned int count = vgpu::nvml::kMaxElements;
  const nvmlReturn_t result =
      vgpu::nvml::invoke_inner("vgpuPerformanceStates", {word(device), word(&count), word(found.data())});
  if (result != NVML_SUCCESS) return result;
  if (count > room) return NVML_ERROR_INSUFFICIENT_SIZE;
  std::copy_n(found.begin(), count, states);
  std::fill(states + count, states + room, NVML_PSTATE_UNKNOWN);
  return NVML_SUCCESS;
}
