// SPDX-License-Identifier: Apache-2.0
// Conversions between f16, bf16 and f32, and the exact intermediate from which a fused result is rounded once.
// Called by the half-precision, comparison, conversion and matrix classes of ops/. Pure functions.
// A result rounded "to odd" to f32 keeps enough to be rounded again, in any mode, to 22 bits or fewer (Boldo,
// Melquiond).
#pragma once

#include <cstdint>

#include <immintrin.h>

#include "softgpu/machine/ops/float_format.h"

namespace vgpu::soft::VGPU_ISA {

VGPU_INLINE float bfloat_to_float(uint16_t a) { return as_float(uint32_t{a} << 16); }

// Exact; a NaN keeps its payload, quiet or not.
VGPU_INLINE float half_to_float(uint16_t a) {
  const uint32_t magnitude_bits = uint32_t{a} & Half::kMagnitude;
  const uint32_t sign = (uint32_t{a} & Half::kSign) << 16;
  // A subnormal is its fraction times 2^-24, which the conversion of an integer gives exactly.
  const uint32_t small = as_bits(static_cast<float>(static_cast<int32_t>(magnitude_bits)) * 0x1p-24f);
  const uint32_t normal = (magnitude_bits << 13) + ((magnitude_bits >= Half::kInfinity ? 224u : 112u) << 23);
  return as_float(sign | (magnitude_bits < 0x0400 ? small : normal));
}

// To nearest even. NaN becomes the canonical one.
VGPU_INLINE uint16_t float_to_half(float value) {
  const uint32_t bits = as_bits(value);
  const uint32_t sign = bits >> 16 & Half::kSign;
  const uint32_t a = bits & Single::kMagnitude;
  // Below 2^-14 the sum with 0.5 puts the last place of an f16 subnormal at the last place of the f32 sum.
  const uint32_t small = as_bits(as_float(a) + 0.5f) - as_bits(0.5f);
  const uint32_t normal = (a + 0xfff + (a >> 13 & 1u) - (112u << 23)) >> 13;
  const uint32_t finite = a < 0x38800000u ? small : normal;
  const uint32_t limited = a >= 0x477ff000u ? uint32_t{Half::kInfinity} : finite;
  return static_cast<uint16_t>(a > Single::kInfinity ? uint32_t{Half::kNan} : sign | limited);
}

VGPU_INLINE uint16_t float_to_half_towards_zero(float value) {
  const uint32_t bits = as_bits(value);
  const uint32_t sign = bits >> 16 & Half::kSign;
  const uint32_t a = bits & Single::kMagnitude;
  const auto small = static_cast<uint32_t>(static_cast<int32_t>((a < 0x38800000u ? as_float(a) : 0.0f) * 0x1p24f));
  const uint32_t normal = (a - (112u << 23)) >> 13;
  const uint32_t finite = a < 0x38800000u ? small : normal;
  const uint32_t limited = a < 0x47800000u         ? finite
                           : a < Single::kInfinity ? Half::kInfinity - 1u
                                                   : uint32_t{Half::kInfinity};
  return static_cast<uint16_t>(a > Single::kInfinity ? uint32_t{Half::kNan} : sign | limited);
}

VGPU_INLINE uint16_t float_to_bfloat(float value) {
  const uint32_t bits = as_bits(value);
  const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1u)) >> 16;
  return static_cast<uint16_t>(value == value ? rounded : uint32_t{Bfloat::kNan});
}

VGPU_INLINE uint16_t float_to_bfloat_towards_zero(float value) {
  return static_cast<uint16_t>(value == value ? as_bits(value) >> 16 : uint32_t{Bfloat::kNan});
}

// `sum`, which is a + b rounded to nearest, rounded to odd instead. The error of a rounded sum is a float (Knuth).
VGPU_INLINE float to_odd(float sum, float a, float b) {
  const float b_part = sum - a;
  const float error = (a - (sum - b_part)) + (b - b_part);
  const uint32_t bits = as_bits(sum);
  const bool inexact = error != 0 && magnitude(sum) < as_float(Single::kInfinity);
  // Step back towards zero when the sum was rounded away from it, then make the last place odd.
  const uint32_t back = (as_bits(error) ^ bits) >> 31;
  return as_float(inexact ? (bits - back) | 1u : bits);
}

VGPU_INLINE double to_odd(double sum, double a, double b) {
  const double b_part = sum - a;
  const double error = (a - (sum - b_part)) + (b - b_part);
  const uint64_t bits = as_bits(sum);
  const bool inexact = error != 0 && magnitude(sum) < as_double(Double::kInfinity);
  const uint64_t back = (as_bits(error) ^ bits) >> 63;
  return as_double(inexact ? (bits - back) | 1u : bits);
}

// A double as a float, rounded to odd. Beyond the largest float it is the largest one, which is odd.
VGPU_INLINE float narrow_to_odd(double value) {
  const auto rounded = static_cast<float>(value);
  const double widened = rounded;
  const uint32_t bits = as_bits(rounded);
  const uint32_t back = magnitude(widened) > magnitude(value) ? 1u : 0u;
  return as_float(widened == value || value != value ? bits : (bits - back) | 1u);
}

struct HalfOps {
  using Format = Half;
  VGPU_INLINE static float widen(uint16_t a) { return half_to_float(a); }
  VGPU_INLINE static uint16_t narrow(float a) { return float_to_half(a); }
  // The product of two f16 is exact in f32.
  VGPU_INLINE static float fused(float a, float b, float c) {
    const float product = a * b;
    return to_odd(product + c, product, c);
  }
};

struct BfloatOps {
  using Format = Bfloat;
  VGPU_INLINE static float widen(uint16_t a) { return bfloat_to_float(a); }
  VGPU_INLINE static uint16_t narrow(float a) { return float_to_bfloat(a); }
  // The product of two bf16 can leave the exponents of f32, not those of f64.
  VGPU_INLINE static float fused(float a, float b, float c) {
    const double product = static_cast<double>(a) * static_cast<double>(b);
    const double addend = c;
    return narrow_to_odd(to_odd(product + addend, product, addend));
  }
};

// Whole rows. The host's conversion instructions give the same bits, but for the NaN, which is set afterwards.
VGPU_INLINE void widen_row(const uint16_t* from, float* to, HalfOps) {
#ifdef __F16C__
  for (unsigned i = 0; i < kLanes; i += 8)
    _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
#else
  for (unsigned i = 0; i < kLanes; ++i) to[i] = half_to_float(from[i]);
#endif
}
VGPU_INLINE void widen_row(const uint16_t* from, float* to, BfloatOps) {
  for (unsigned i = 0; i < kLanes; ++i) to[i] = bfloat_to_float(from[i]);
}

VGPU_INLINE void narrow_row(const float* from, uint16_t* to, HalfOps) {
#ifdef __F16C__
  for (unsigned i = 0; i < kLanes; i += 8) {
    const __m128i rounded = _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), rounded);
  }
  for (unsigned i = 0; i < kLanes; ++i) to[i] = Half::is_nan(to[i]) ? Half::kNan : to[i];
#else
  for (unsigned i = 0; i < kLanes; ++i) to[i] = float_to_half(from[i]);
#endif
}
VGPU_INLINE void narrow_row(const float* from, uint16_t* to, BfloatOps) {
  for (unsigned i = 0; i < kLanes; ++i) to[i] = float_to_bfloat(from[i]);
}

}  // namespace vgpu::soft::VGPU_ISA
