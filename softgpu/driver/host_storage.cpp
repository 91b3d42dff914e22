// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/host_storage.h"

#include <algorithm>
#include <cstdlib>

namespace vgpu::soft {

Result<uint64_t, CUresult> HostStorage::allocate(size_t size, size_t alignment, Kind) {
  alignment = std::max<size_t>(alignment, 16);
  void* const memory = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
  return reinterpret_cast<uint64_t>(memory);
}

void HostStorage::release(uint64_t address) {
  // SAFETY: allocate() made it.
  std::free(reinterpret_cast<void*>(address));
}

}  // namespace vgpu::soft
