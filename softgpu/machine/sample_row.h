// SPDX-License-Identifier: Apache-2.0
// The commonest way to read a texture, a warp at a time: its first level, no layers, no faces. What comes out is what
// sample() (sample.h) says, lane by lane.
#pragma once

#include "softgpu/machine/instruction.h"
#include "softgpu/machine/texture.h"

namespace vgpu::soft {

// `at` are rows of coordinates, `dimensions` of them; `out` the rows of the four components.
void sample_row(const Texture& texture, const float* const (&at)[3], unsigned dimensions, LaneMask mask,
                uint32_t* const (&out)[4]);

}  // namespace vgpu::soft
