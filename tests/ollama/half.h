// SPDX-License-Identifier: Apache-2.0
// 16-bit floating point numbers, as GGUF files and ggml's backends hold them. Called by quantise.cpp and rounding.cpp.
// Pure functions.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

namespace vgpu::ollama {

// To the nearest half, ties to even. Weights are small: what is too large for a half becomes infinite, subnormals are
// rounded by the addition of a number whose last place is theirs.
inline uint16_t to_half(float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (bits >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);
  if (bits < 0x38800000) {  // below 2^-14
    const float shifted = std::fabs(value) + 0.5f;
    std::memcpy(&bits, &shifted, sizeof bits);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000));
  }
  bits += 0xfff + (bits >> 13 & 1);
  return static_cast<uint16_t>(sign | ((bits - 0x38000000) >> 13));
}

inline float from_half(uint16_t half) {
  const int exponent = half >> 10 & 31, fraction = half & 1023;
  float value = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                              : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  if (exponent == 31) value = fraction == 0 ? HUGE_VALF : NAN;
  return (half & 0x8000) != 0 ? -value : value;
}

// As it is when it was a half in between.
inline float through_half(float value) { return from_half(to_half(value)); }

}  // namespace vgpu::ollama
