// SPDX-License-Identifier: Apache-2.0
// What a call that the software GPU lacks returns: CUDA_ERROR_NOT_SUPPORTED, counted, logged once per name at level
// info. For exports.cpp, and for partial implementations that must refuse a mode. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "softgpu/driver/cuda_api.h"

namespace vgpu::soft {

CUresult refuse_unimplemented(const char* name, std::atomic<bool>& said) noexcept;

// Number of refused calls since the library was loaded.
uint64_t unimplemented_calls() noexcept;

}  // namespace vgpu::soft

// return VGPU_UNIMPLEMENTED("cuMemcpy2D between arrays");
#define VGPU_UNIMPLEMENTED(what)                                 \
  ([]() noexcept -> CUresult {                                   \
    static std::atomic<bool> vgpu_said_{false};                  \
    return ::vgpu::soft::refuse_unimplemented(what, vgpu_said_); \
  }())
