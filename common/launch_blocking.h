// SPDX-License-Identifier: Apache-2.0
// CUDA_LAUNCH_BLOCKING, which drivers read when they are initialised. CUDA C++ programming guide: CUDA environment
// variables.
#pragma once

#include <cstdlib>

namespace vgpu {

// Whether a launch is to return only when its kernel is done.
inline bool launches_block() {
  const char* const text = std::getenv("CUDA_LAUNCH_BLOCKING");
  return text != nullptr && std::atoi(text) != 0;
}

}  // namespace vgpu
