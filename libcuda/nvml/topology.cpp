// SPDX-License-Identifier: Apache-2.0
// Which devices of this VM are how near to each other. Where processors are is not told (docs/nvml.md).
#include <algorithm>
#include <vector>

#include "libcuda/nvml/library.h"
#include "vgpu/nvml/nvml.h"

using vgpu::nvml::Library;

// Those whose nearest common place with `device` is exactly of that level.
nvmlReturn_t nvmlDeviceGetTopologyNearestGpus(nvmlDevice_t device, nvmlGpuTopologyLevel_t level, unsigned int* count,
                                              nvmlDevice_t* devices) {
  Library& library = Library::get();
  if (!library.ready()) return NVML_ERROR_UNINITIALIZED;
  if (!library.knows(device) || count == nullptr) return NVML_ERROR_INVALID_ARGUMENT;
  if (devices == nullptr && *count != 0) return NVML_ERROR_INVALID_ARGUMENT;
  std::vector<nvmlDevice_t> found;
  for (uint32_t i = 0; i < library.device_count(); ++i) {
    const nvmlDevice_t other = library.handle(i);
    if (other == device) continue;
    nvmlGpuTopologyLevel_t common = {};
    if (const nvmlReturn_t bad = nvmlDeviceGetTopologyCommonAncestor(device, other, &common); bad != NVML_SUCCESS)
      return bad;
    if (common == level) found.push_back(other);
  }
  // A count of zero asks how many there are.
  const size_t given = *count == 0 ? 0 : std::min<size_t>(*count, found.size());
  std::copy_n(found.begin(), given, devices);
  *count = static_cast<unsigned int>(*count == 0 ? found.size() : given);
  return NVML_SUCCESS;
}
