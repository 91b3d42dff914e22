// SPDX-License-Identifier: Apache-2.0
// The smaller and the larger of two floating-point numbers in any format (PTX ISA 9.7.3.11, 9.7.3.12), by their bits.
// Included by classes of ops/ only. Pure functions.
#pragma once

#include <type_traits>

#include "softgpu/machine/ops/float_format.h"

namespace vgpu::soft::VGPU_ISA {

// In numeric order, -0 just below +0.
template <class F>
VGPU_INLINE auto order_key(typename F::Bits a) {
  using Signed = std::make_signed_t<typename F::Bits>;
  const auto bits = static_cast<Signed>(a);
  return static_cast<Signed>(bits ^
                             static_cast<Signed>((bits >> (F::kWidth - 1)) & static_cast<Signed>(F::kMagnitude)));
}

// What a NaN operand turns into when it is the result.
template <class F>
VGPU_INLINE typename F::Bits nan_result(typename F::Bits a) {
  return F::kWidth == 64 ? static_cast<typename F::Bits>(a | F::kQuiet) : F::kNan;
}

template <class F, bool maximum, bool propagate>
VGPU_INLINE typename F::Bits pick(typename F::Bits a, typename F::Bits b) {
  using Bits = typename F::Bits;
  const bool first = maximum ? order_key<F>(a) > order_key<F>(b) : order_key<F>(a) < order_key<F>(b);
  const Bits number = first ? a : b;
  const bool a_nan = F::is_nan(a), b_nan = F::is_nan(b);
  if constexpr (propagate) return (a_nan | b_nan) ? F::kNan : number;
  return (a_nan & b_nan) ? nan_result<F>(b) : a_nan ? b : b_nan ? a : number;
}

}  // namespace vgpu::soft::VGPU_ISA
