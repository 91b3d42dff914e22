// SPDX-License-Identifier: Apache-2.0
// Which texels of one axis a coordinate meets, and what stands for indices outside (CUDA C++ programming guide,
// "Texture Fetching"). Pure functions, in a header because they are most of what a fetch costs.
#pragma once

#include <algorithm>
#include <cstdint>

#include "softgpu/machine/texture.h"

namespace vgpu::soft {

// Shares and weights are counted in these.
constexpr uint32_t kWhole = 256;

// Where a point meets the texels of one axis: the lower tap, and the share of the upper one.
struct Axis {
  int64_t index = 0;
  uint32_t share = 0;
};

inline uint32_t size_of(const ImageLevel& level, unsigned axis) {
  return axis == 0 ? level.width : axis == 1 ? level.height : level.depth;
}

// The index of the texel that stands for one outside of [0, size), or -1: the border.
inline int64_t outside(AddressMode mode, int64_t index, int64_t size) {
  switch (mode) {
    case AddressMode::wrap: return ((index % size) + size) % size;
    case AddressMode::mirror: {
      const int64_t inside = ((index % (2 * size)) + 2 * size) % (2 * size);
      return inside < size ? inside : 2 * size - 1 - inside;
    }
    case AddressMode::clamp: return index < 0 ? 0 : size - 1;
    case AddressMode::border: break;
  }
  return -1;
}

// The same for any index.
inline int64_t addressed(AddressMode mode, int64_t index, int64_t size) {
  return index >= 0 && index < size ? index : outside(mode, index, size);
}

// Wrap and mirror are for normalised coordinates only.
inline AddressMode mode_of(const Sampler& sampler, unsigned axis) {
  const AddressMode mode = sampler.address[axis];
  const bool repeats = mode == AddressMode::wrap || mode == AddressMode::mirror;
  return repeats && !sampler.normalised_coordinates ? AddressMode::clamp : mode;
}

// Coordinates in texels; far out is as far as indices need to go, and NaN is out there, too.
inline double in_texels(bool normalised, float coordinate, uint32_t size) {
  constexpr double kFar = 0x1p40;
  const double texels = normalised ? double{coordinate} * size : double{coordinate};
  if (!(texels >= -kFar)) return -kFar;
  return std::min(texels, kFar);
}

// Of numbers that are far from the ends of int64_t.
inline int64_t rounded_down(double number) {
  const auto cut = static_cast<int64_t>(number);
  return cut - (number < static_cast<double>(cut) ? 1 : 0);
}

inline Axis nearest_tap(double texels) { return {rounded_down(texels), 0}; }

inline Axis linear_taps(double texels) {
  const int64_t fixed = rounded_down((texels - 0.5) * kWhole + 0.5);
  return {fixed >> 8, static_cast<uint32_t>(fixed & 0xff)};
}

// Two taps that are one texel, because outside stands the edge, need no share.
inline uint32_t share_inside(const Axis& axis, AddressMode mode, uint32_t size) {
  const bool outside = axis.index < 0 || axis.index + 1 >= size;
  return mode == AddressMode::clamp && outside ? 0 : axis.share;
}

}  // namespace vgpu::soft
