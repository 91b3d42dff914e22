// SPDX-License-Identifier: Apache-2.0
#include "host/worker/probe.h"

#include <cuda.h>
#include <dlfcn.h>

#include "common/log.h"

namespace vgpu::host {

int probe_driver(const std::string& path) {
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    VGPU_DEBUG("probe: %s", ::dlerror());
    return 1;
  }
  // SAFETY: the symbols are the driver's functions of these names.
  const auto init = reinterpret_cast<decltype(&::cuInit)>(::dlsym(library, "cuInit"));
  const auto get_count = reinterpret_cast<decltype(&::cuDeviceGetCount)>(::dlsym(library, "cuDeviceGetCount"));
  int count = 0;
  const CUresult status = init == nullptr || get_count == nullptr ? CUDA_ERROR_NOT_FOUND : init(0);
  if (status == CUDA_SUCCESS && get_count(&count) == CUDA_SUCCESS && count > 0) return 0;
  VGPU_DEBUG("probe: %s: CUDA error %d, %d devices", path.c_str(), static_cast<int>(status), count);
  return 2;
}

}  // namespace vgpu::host
