// SPDX-License-Identifier: Apache-2.0
// What a texture instruction reads: addressing modes, filtering and levels of detail as the CUDA C++ programming guide
// describes them in "Texture Fetching". Pure functions; the texture's memory has been checked.
// Filtering is isotropic: a sampler's largest anisotropy is ignored.
#pragma once

#include "softgpu/machine/cube.h"
#include "softgpu/machine/texel.h"

namespace vgpu::soft {

// Where to read. A cube's point is a direction, and its layer counts cubes.
struct SamplePoint {
  std::array<float, 3> at{};
  uint32_t layer = 0;
  std::array<int32_t, 3> offset{};  // texels
  unsigned dimensions = 1;          // of the coordinates; a cube has 2
  bool cube = false;
};

// At level 0.
Texel sample(const Texture& texture, const SamplePoint& point);
// At a level of detail, to which the sampler's bias and limits apply.
Texel sample_level(const Texture& texture, const SamplePoint& point, float level);
// At the level of detail that follows from how the coordinates change per pixel.
Texel sample_gradient(const Texture& texture, const SamplePoint& point, const std::array<float, 3>& dx,
                      const std::array<float, 3>& dy);
// One component of the four texels around a point, counter-clockwise from the lower left.
Texel gather(const Texture& texture, const SamplePoint& point, unsigned component);
// The texel with these indices, unfiltered; zeros outside.
Texel fetch(const Texture& texture, const std::array<int32_t, 3>& at, uint32_t layer, int32_t level);

}  // namespace vgpu::soft
