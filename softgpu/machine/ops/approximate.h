// SPDX-License-Identifier: Apache-2.0
// 2^x, log2 x, sin, cos and tanh of f32 values, computed in f64 and rounded once at the end: within 1 ulp of f32,
// better than the PTX ISA asks of the .approx forms (9.7.3.18 to 9.7.3.22). Pure functions without branches, so loops
// over lanes vectorise. NaN gives some NaN; infinities and zeros are exact.
#pragma once

#include "softgpu/machine/ops/float_format.h"

namespace vgpu::soft::VGPU_ISA {

// Adding and subtracting 1.5 * 2^52 leaves the nearest integer, whose low bits then stand at the end of the sum.
inline constexpr double kRoundingShift = 0x1.8p52;

// a * b + c, fused where the host has an instruction for it: here nobody depends on the last place of a double.
VGPU_INLINE double step(double a, double b, double c) {
#ifdef __FMA__
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

// 2^x for |x| <= 1000: 2^n * e^(f ln 2) with |f| <= 1/2 and a Taylor sum to f^8, within 3e-10 of the value.
VGPU_INLINE double power_of_two(double x) {
  const double shifted = x + kRoundingShift;
  const double t = (x - (shifted - kRoundingShift)) * 0x1.62e42fefa39efp-1;
  double sum = step(1.0 / 40320, t, 1.0 / 5040);
  sum = step(sum, t, 1.0 / 720);
  sum = step(sum, t, 1.0 / 120);
  sum = step(sum, t, 1.0 / 24);
  sum = step(sum, t, 1.0 / 6);
  sum = step(sum, t, 0.5);
  sum = step(sum, t, 1.0);
  sum = step(sum, t, 1.0);
  return as_double(as_bits(sum) + (as_bits(shifted) << 52));
}

VGPU_INLINE float exp2_of(float x) {
  const float below = x < 200.0f ? x : 200.0f;
  const auto value = static_cast<float>(power_of_two(below > -200.0f ? below : -200.0f));
  return x == x ? value : x;
}

// log2 x = n + 2/ln 2 * artanh((m - 1)/(m + 1)), m in [sqrt(1/2), sqrt(2)), the artanh as a series in its argument.
VGPU_INLINE float log2_of(float x) {
  const double wide = x;  // f32 subnormals are normal here
  const uint64_t bits = as_bits(wide);
  const uint64_t offset = bits - 0x3fe6a09e667f3bcd;  // bits of sqrt(1/2)
  const auto exponent = static_cast<int32_t>(static_cast<int64_t>(offset) >> 52);
  const double m = as_double(bits - (offset & 0xfff0000000000000u));
  const double s = (m - 1.0) / (m + 1.0);
  const double square = s * s;
  double sum = step(1.0 / 11, square, 1.0 / 9);
  sum = step(sum, square, 1.0 / 7);
  sum = step(sum, square, 1.0 / 5);
  sum = step(sum, square, 1.0 / 3);
  sum = step(sum, square, 1.0);
  const auto value = static_cast<float>(static_cast<double>(exponent) + sum * s * 0x1.71547652b82fep+1);
  const float infinity = as_float(Single::kInfinity);
  const float finite = x == 0 ? -infinity : value;
  return x < infinity ? (x < 0 ? as_float(Single::kNan) : finite) : x;
}

// sin and cos by quarter turns: x = n pi/2 + r, |r| <= pi/4. pi/2 in two parts keeps r exact enough for |x| up to 2^30.
struct Turn {
  double sine, cosine;
  uint64_t quarter;
};

VGPU_INLINE Turn turn_of(double x) {
  const double shifted = x * 0x1.45f306dc9c883p-1 + kRoundingShift;
  const double n = shifted - kRoundingShift;
  const double r = step(n, -0x1.0b4611a626331p-34, step(n, -0x1.921fb54400000p+0, x));
  const double square = r * r;
  double sine = step(1.0 / 362880, square, -1.0 / 5040);
  sine = step(sine, square, 1.0 / 120);
  sine = step(sine, square, -1.0 / 6);
  double cosine = step(-1.0 / 3628800, square, 1.0 / 40320);
  cosine = step(cosine, square, -1.0 / 720);
  cosine = step(cosine, square, 1.0 / 24);
  cosine = step(cosine, square, -0.5);
  return Turn{step(sine * square, r, r), step(cosine, square, 1.0), as_bits(shifted)};
}

VGPU_INLINE float sine_of(float x) {
  const Turn turn = turn_of(magnitude(x) < 0x1p30f ? static_cast<double>(x) : 0.0);
  const double value = (turn.quarter & 1) != 0 ? turn.cosine : turn.sine;
  const auto result = static_cast<float>((turn.quarter & 2) != 0 ? -value : value);
  const float signed_result = x == 0 ? x : result;
  return magnitude(x) < as_float(Single::kInfinity) ? signed_result : as_float(Single::kNan);
}

VGPU_INLINE float cosine_of(float x) {
  const Turn turn = turn_of(magnitude(x) < 0x1p30f ? static_cast<double>(x) : 0.0);
  const double value = (turn.quarter & 1) != 0 ? turn.sine : turn.cosine;
  const auto result = static_cast<float>(((turn.quarter + 1) & 2) != 0 ? -value : value);
  return magnitude(x) < as_float(Single::kInfinity) ? result : as_float(Single::kNan);
}

// tanh |x| = (1 - e) / (1 + e) with e = e^(-2|x|); near zero, where that cancels, x - x^3/3 + 2 x^5/15.
VGPU_INLINE float tanh_of(float x) {
  const double wide = x;
  const double a = magnitude(wide);
  const double limited = a < 40.0 ? a : 40.0;
  const double e = power_of_two(limited * -0x1.71547652b82fep+1);
  const double square = limited * limited;
  const double small = limited * (1.0 + square * (-1.0 / 3 + square * (2.0 / 15)));
  const auto value = static_cast<float>(a < 0x1p-6 ? small : (1.0 - e) / (1.0 + e));
  const float with_sign = as_float(as_bits(value) | (as_bits(x) & Single::kSign));
  return x == x ? with_sign : x;
}

}  // namespace vgpu::soft::VGPU_ISA
