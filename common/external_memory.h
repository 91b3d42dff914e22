// SPDX-License-Identifier: Apache-2.0
// What can be said of external memory by its description alone (CUDA driver API, External Resource Interoperability).
#pragma once

#include <cuda.h>

namespace vgpu {

// NOT_SUPPORTED for types of handles that CUDA knows and we do not take: ours are descriptors that CUDA has exported.
inline CUresult check_external_memory(const CUDA_EXTERNAL_MEMORY_HANDLE_DESC& description) {
  if (description.type < CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD ||
      description.type > CU_EXTERNAL_MEMORY_HANDLE_TYPE_DMABUF_FD)
    return CUDA_ERROR_INVALID_VALUE;
  if (description.type != CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD) return CUDA_ERROR_NOT_SUPPORTED;
  const bool known_flags = (description.flags & ~unsigned{CUDA_EXTERNAL_MEMORY_DEDICATED}) == 0;
  return description.size != 0 && known_flags ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace vgpu
