// SPDX-License-Identifier: Apache-2.0
// cuProfilerStart and cuProfilerStop mark a stretch for a profiler that watches the process. None does, so they only
// have to be callable.
#include "softgpu/driver/context.h"

using namespace vgpu::soft;

extern "C" {

CUresult cuProfilerStart() {
  TRY(current_context());
  return CUDA_SUCCESS;
}

CUresult cuProfilerStop() {
  TRY(current_context());
  return CUDA_SUCCESS;
}

}  // extern "C"
