// SPDX-License-Identifier: Apache-2.0
// What the checks for stream capture answer in a build without capture.cpp: nothing ever captures.
#include "softgpu/driver/stream.h"

namespace vgpu::soft {

[[gnu::weak]] CUresult check_unsafe_call() { return CUDA_SUCCESS; }
[[gnu::weak]] CUresult check_legacy_use(Context&) { return CUDA_SUCCESS; }

}  // namespace vgpu::soft
