// SPDX-License-Identifier: Apache-2.0
// Rounding to f16 and bf16 in every mode, and to integral values, for the conversion classes of ops/. Pure functions.
#pragma once

#include "softgpu/machine/ops/half.h"

namespace vgpu::soft::VGPU_ISA {

VGPU_INLINE uint16_t truncate_to(HalfOps, float a) { return float_to_half_towards_zero(a); }
VGPU_INLINE uint16_t truncate_to(BfloatOps, float a) { return float_to_bfloat_towards_zero(a); }

// The directed modes step away from the truncated value when something was cut off.
template <class Ops>
VGPU_INLINE uint16_t round_to(Ops ops, float value, Rounding rounding) {
  if (rounding == kNearestEven) return Ops::narrow(value);
  const uint16_t cut = truncate_to(ops, value);
  if (rounding == kTowardsZero) return cut;
  const bool negative = (as_bits(value) & Single::kSign) != 0;
  const bool away = value == value && Ops::widen(cut) != value && negative == (rounding == kDown);
  return static_cast<uint16_t>(cut + (away ? 1 : 0));
}

// Largest finite instead of infinity, as .satfinite wants; NaN stays.
template <class Ops>
VGPU_INLINE uint16_t limit_finite(Ops, uint16_t a) {
  using F = typename Ops::Format;
  const bool infinite = (a & F::kMagnitude) == F::kInfinity;
  return static_cast<uint16_t>(infinite ? a - 1 : a);
}

// .relu: negative results, -0 too, become +0; NaN stays.
template <class F>
VGPU_INLINE typename F::Bits rectify(typename F::Bits a) {
  return (a & F::kSign) != 0 && !F::is_nan(a) ? typename F::Bits{0} : a;
}

// Integer rounding modes (PTX ISA 6.5.2): numbered like Rounding, as rni rzi rmi rpi.
VGPU_INLINE int take_integer_rounding(Choice& choice) {
  static constexpr const char* kModes[] = {"rni", "rzi", "rmi", "rpi"};
  return choice.take_one(kModes);
}

// Rows in place. In the default mode nearbyint rounds to nearest even.
VGPU_INLINE void round_row(float* row, int rounding) {
  if (rounding == kNearestEven)
    for (unsigned i = 0; i < kLanes; ++i) row[i] = __builtin_nearbyintf(row[i]);
  else if (rounding == kTowardsZero)
    for (unsigned i = 0; i < kLanes; ++i) row[i] = __builtin_truncf(row[i]);
  else if (rounding == kDown)
    for (unsigned i = 0; i < kLanes; ++i) row[i] = __builtin_floorf(row[i]);
  else
    for (unsigned i = 0; i < kLanes; ++i) row[i] = __builtin_ceilf(row[i]);
}
VGPU_INLINE void round_row(double* row, int rounding) {
  if (rounding == kNearestEven)
    for (unsigned i = 0; i < kLanes; ++i) row[i] = __builtin_nearbyint(row[i]);
  else if (rounding == kTowardsZero)
    for (unsigned i = 0; i < kLanes; ++i) row[i] = __builtin_trunc(row[i]);
  else if (rounding == kDown)
    for (unsigned i = 0; i < kLanes; ++i) row[i] = __builtin_floor(row[i]);
  else
    for (unsigned i = 0; i < kLanes; ++i) row[i] = __builtin_ceil(row[i]);
}

}  // namespace vgpu::soft::VGPU_ISA
