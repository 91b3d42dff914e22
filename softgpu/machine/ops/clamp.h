// SPDX-License-Identifier: Apache-2.0
// What .sat and .satfinite make of a sum of integers. Included by the classes of ops/ that have such a modifier.
#pragma once

#include <cstdint>

#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {

VGPU_INLINE int32_t clamp_to_s32(int64_t value) {
  return static_cast<int32_t>(value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : value);
}

}  // namespace vgpu::soft::VGPU_ISA
