// SPDX-License-Identifier: Apache-2.0
// Warp groups (PTX ISA 9.7.15.1): four warps of a block whose first has a number that is a multiple of four. For
// handlers: light, and nothing inline. On the thread that runs the block.
#pragma once

#include "softgpu/machine/warp.h"

namespace vgpu::soft {

// Lets the lanes go on behind the instruction when all four warps of the group have done it.
void wait_for_warp_group(Warp& warp, const Instruction& instruction, LaneMask mask);

}  // namespace vgpu::soft
