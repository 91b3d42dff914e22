// SPDX-License-Identifier: Apache-2.0
// How the texels around a point become one value, as an H200 computes it (docs/software-gpu-machine.md, "Filtering"):
// shares and weights in 256ths, sums exact, one rounding at the end. Pure functions.
#pragma once

#include <array>
#include <bit>
#include <cmath>

#include "softgpu/machine/taps.h"
#include "softgpu/machine/texel.h"

namespace vgpu::soft {

// Four components on their way through the filter: numbers that a double holds exactly, in units of the format's own.
using Components = std::array<double, 4>;

inline void add(Components& sum, uint32_t weight, const Components& input) {
  for (unsigned i = 0; i < 4; ++i) sum[i] += weight * input[i];
}

// What each tap weighs, in 256ths; bit i of its number says whether it is the upper one of axis i. They are 256 in all.
// `shares` are those of the upper taps.
template <unsigned dimensions>
std::array<uint32_t, 1 << dimensions> tap_weights(const uint32_t (&shares)[dimensions]) {
  std::array<uint32_t, 1 << dimensions> weights;
  for (unsigned z = 0; z < (dimensions == 3 ? 2 : 1); ++z) {
    uint32_t layer = kWhole;
    if constexpr (dimensions == 3) layer = z == 0 ? kWhole - shares[2] : shares[2];
    const uint32_t right = (layer * shares[0] + kWhole / 2) / kWhole, left = layer - right;
    uint32_t upper_right = 0, upper_left = 0;
    if constexpr (dimensions >= 2) {
      weights[4 * z + 3] = upper_right = (right * shares[1] + kWhole / 2) / kWhole;
      weights[4 * z + 2] = upper_left = (left * shares[1] + kWhole / 2 - 1) / kWhole;
    }
    weights[4 * z] = left - upper_left;
    weights[4 * z + 1] = right - upper_right;
  }
  return weights;
}

// To nearest, half away from zero.
inline float rounded_to_float(double value) {
  // One step of the double's own decides what lies in the middle, and nothing else. Zero and what is not finite stay.
  constexpr uint64_t kInfinity = uint64_t{0x7ff} << 53;
  const auto bits = std::bit_cast<uint64_t>(value);
  return static_cast<float>(std::bit_cast<double>(bits + ((bits << 1) - 1 < kInfinity - 1 ? 1 : 0)));
}

// Bytes that are read as [0, 1] are filtered as if they had 16 bits.
constexpr double kWholeByte = 257, kWhole16 = 65535;
inline float rounded_to_unit(double sum) {
  return static_cast<float>(std::floor(sum / kWhole + 0.5)) / static_cast<float>(kWhole16);
}

// A texel, or the border, as the filter takes it.
Components filter_input(const Texture& texture, const std::byte* at);
Components filter_border(const Texture& texture);
// The value that has the weighted sum `sum`, of inputs times tap_weights().
Texel filter_output(const Texture& texture, const Components& sum);

}  // namespace vgpu::soft
