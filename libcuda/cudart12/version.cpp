// SPDX-License-Identifier: Apache-2.0
#include "libcuda/cudart/driver.h"

namespace vgpu::runtime {

const int kRuntimeVersion = 12090;

}  // namespace vgpu::runtime
