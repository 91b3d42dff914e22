// SPDX-License-Identifier: Apache-2.0
// Which errors a context does not survive: every later call in it answers the same, until it is destroyed (CUDA runtime
// API, cudaError). Stateless.
#pragma once

#include "common/face/cuda_api.h"

namespace vgpu {

constexpr bool is_sticky(CUresult error) {
  switch (static_cast<int>(error)) {
    case CUDA_ERROR_ILLEGAL_ADDRESS:
    case CUDA_ERROR_LAUNCH_TIMEOUT:
    case CUDA_ERROR_ASSERT:
    case CUDA_ERROR_HARDWARE_STACK_ERROR:
    case CUDA_ERROR_ILLEGAL_INSTRUCTION:
    case CUDA_ERROR_MISALIGNED_ADDRESS:
    case CUDA_ERROR_INVALID_ADDRESS_SPACE:
    case CUDA_ERROR_INVALID_PC:
    case CUDA_ERROR_LAUNCH_FAILED:
    case CUDA_ERROR_ECC_UNCORRECTABLE: return true;
    default: return false;
  }
}

}  // namespace vgpu
