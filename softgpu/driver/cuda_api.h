// SPDX-License-Identifier: Apache-2.0
// The driver API's declarations as this library defines them: every versioned symbol under its own name (no renaming
// macros), with default visibility. Every file of softgpu/driver includes this instead of cuda.h. With the internal
// define, some unversioned names take the oldest struct types (cuGraphAddKernelNode takes the _v1 parameters).
#pragma once

#include "common/face/cuda_api.h"
#include "common/result.h"

namespace vgpu::soft {

template <class T>
using CuResult = Result<T, CUresult>;

}  // namespace vgpu::soft

// CHECK(call): return from the calling function with the call's CUresult unless it is CUDA_SUCCESS.
#define VGPU_CHECK(...)                                                                                 \
  do {                                                                                                  \
    if (const CUresult vgpu_status_ = (__VA_ARGS__); vgpu_status_ != CUDA_SUCCESS) return vgpu_status_; \
  } while (false)
