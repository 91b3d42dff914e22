// SPDX-License-Identifier: Apache-2.0
// The approximate floating-point instructions: div.approx, div.full, rcp, sqrt, rsqrt, sin, cos, lg2, ex2, tanh (PTX
// ISA 9.7.3.8, 9.7.3.13 to 9.7.3.22, and of halves 9.7.4.9, 9.7.4.10). All are at least as close as the ISA asks;
// programs must not expect NVIDIA's bits.
#include <emmintrin.h>

#include "softgpu/machine/ops/approximate.h"
#include "softgpu/machine/ops/half.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

VGPU_INLINE float canonical(float a) { return finish(a, 0.0f, 0.0f); }

struct Reciprocal {
  VGPU_INLINE static float apply(float a) { return canonical(1.0f / a); }
};
struct Sine {
  VGPU_INLINE static float apply(float a) { return canonical(sine_of(a)); }
};
struct Cosine {
  VGPU_INLINE static float apply(float a) { return canonical(cosine_of(a)); }
};
struct Exponential {
  VGPU_INLINE static float apply(float a) { return canonical(exp2_of(a)); }
};
struct Logarithm {
  VGPU_INLINE static float apply(float a) { return canonical(log2_of(a)); }
};
struct Tangent {
  VGPU_INLINE static float apply(float a) { return canonical(tanh_of(a)); }
};
struct Quotient {
  VGPU_INLINE static float apply(float a, float b) { return canonical(a / b); }
};

// .ftz by hand, so that the wide intermediates stay in the default mode: subnormal operands and results become zeros.
VGPU_INLINE float flushed(float a) { return as_float(Single::flush(as_bits(a))); }
template <class Op>
struct Flushed {
  template <class... Ts>
  VGPU_INLINE static float apply(Ts... operands) {
    return flushed(Op::apply(flushed(operands)...));
  }
};

// div.approx is a * (1/b), so a quotient by more than 2^126 is zero (and NaN for an infinite a): the reciprocal is
// subnormal and flushed.
struct ApproximateQuotient {
  VGPU_INLINE static float apply(float a, float b) {
    const bool huge = magnitude(b) > 0x1p126f && magnitude(b) < as_float(Single::kInfinity);
    const float zero = as_float((as_bits(a) ^ as_bits(b)) & Single::kSign);
    const float limited = magnitude(a) < as_float(Single::kInfinity) ? zero : as_float(Single::kNan);
    return canonical(huge ? limited : a / b);
  }
};

template <class Op>
Handler flushed_or_not(bool flush) {
  return flush ? unary<Flushed<Op>, float, float> : unary<Op, float, float>;
}

template <class Op>
Handler choose_approximate(Choice& choice) {
  if (!choice.take("approx")) return nullptr;
  const bool flush = choice.take("ftz");
  const Type type = choice.take_type();
  declare(choice, type, 1);
  return type == Type::f32 ? flushed_or_not<Op>(flush) : nullptr;
}

// div.approx, div.full and the old div.f32 without either, which means .full since PTX 1.4.
Handler choose_divide(Choice& choice) {
  static constexpr const char* kKinds[] = {"approx", "full"};
  const int kind = choice.take_one(kKinds);
  const bool flush = choice.take("ftz");
  const Type type = choice.take_type();
  declare(choice, type, 2);
  if (type != Type::f32) return nullptr;
  if (kind == 0)
    return flush ? binary<Flushed<ApproximateQuotient>, float, float> : binary<ApproximateQuotient, float, float>;
  return flush ? binary<Flushed<Quotient>, float, float> : binary<Quotient, float, float>;
}

// Roots of whole rows with the host's vector instruction. The reciprocal's second rounding leaves it within an ulp.
template <bool reciprocal, bool flush>
void roots(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const float* a = warp.row<float>(instruction.operand[1]);
  float values[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) values[i] = flush ? flushed(a[i]) : a[i];
  for (unsigned i = 0; i < kLanes; i += 4) _mm_storeu_ps(values + i, _mm_sqrt_ps(_mm_loadu_ps(values + i)));
  for_lanes(mask, warp.row<float>(instruction.operand[0]),
            [&](unsigned i) { return canonical(reciprocal ? 1.0f / values[i] : values[i]); });
}

// rcp.approx.ftz.f64 and its root work on the upper word of the operand and give an upper word (9.7.3.14, 9.7.3.17).
template <bool root>
void gross(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint64_t* a = warp.row<uint64_t>(instruction.operand[1]);
  double operands[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) {
    const uint64_t upper = a[i] & 0xffffffff00000000u;
    operands[i] = as_double(Double::is_nan(a[i]) ? Double::kNan : Double::flush(upper));
  }
  if constexpr (root)
    for (unsigned i = 0; i < kLanes; i += 2) _mm_storeu_pd(operands + i, _mm_sqrt_pd(_mm_loadu_pd(operands + i)));
  for_lanes(mask, warp.row<uint64_t>(instruction.operand[0]), [&](unsigned i) {
    const uint64_t bits = as_bits(1.0 / operands[i]);
    return Double::is_nan(bits) ? uint64_t{0x7fffffff00000000u} : Double::flush(bits & 0xffffffff00000000u);
  });
}

Handler choose_reciprocal(Choice& choice) {
  if (choice.peek_type() == Type::f32) return choose_approximate<Reciprocal>(choice);
  if (!choice.take("approx") || !choice.take("ftz")) return nullptr;
  declare(choice, choice.take_type(), 1);
  return gross<false>;
}

template <bool reciprocal>
Handler choose_root(Choice& choice) {
  if (!choice.take("approx")) return nullptr;
  const bool flush = choice.take("ftz");
  const Type type = choice.take_type();
  declare(choice, type, 1);
  if (type == Type::f64) return reciprocal ? (flush ? gross<true> : Handler{nullptr}) : nullptr;
  return flush ? roots<reciprocal, true> : roots<reciprocal, false>;
}

// rsqrt.approx.f64 without .ftz: close to correctly rounded, and NaN payloads as elsewhere.
void reciprocal_root_f64(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const double* a = warp.row<double>(instruction.operand[1]);
  double roots_of[kLanes];
  for (unsigned i = 0; i < kLanes; i += 2) _mm_storeu_pd(roots_of + i, _mm_sqrt_pd(_mm_loadu_pd(a + i)));
  for_lanes(mask, warp.row<double>(instruction.operand[0]),
            [&](unsigned i) { return finish(1.0 / roots_of[i], a[i], a[i]); });
}

Handler choose_reciprocal_root(Choice& choice) {
  if (choice.peek_type() != Type::f64) return choose_root<true>(choice);
  if (!choice.take("approx")) return nullptr;
  const bool flush = choice.take("ftz");
  declare(choice, choice.take_type(), 1);
  return flush ? gross<true> : reciprocal_root_f64;
}

// ex2 and tanh of halves: by way of f32, rounded to the half once more.
template <class Op, class Ops>
struct OnHalf {
  VGPU_INLINE static uint16_t apply(uint16_t a) { return Ops::narrow(Op::apply(Ops::widen(a))); }
};
template <class Op, class Ops>
struct OnPair {
  VGPU_INLINE static uint32_t apply(uint32_t a) {
    const uint32_t low = OnHalf<Op, Ops>::apply(static_cast<uint16_t>(a));
    return low | uint32_t{OnHalf<Op, Ops>::apply(static_cast<uint16_t>(a >> 16))} << 16;
  }
};

// .ftz exists, and is required, for ex2 of bf16: subnormal bf16 are f32 subnormals, flushed by the same rule.
template <class Op>
Handler choose_of_half(Choice& choice) {
  if (!choice.take("approx")) return nullptr;
  const bool flush = choice.take("ftz");
  const Type type = choice.take_type();
  declare(choice, type, 1);
  switch (type) {
    case Type::f16: return flush ? nullptr : unary<OnHalf<Op, HalfOps>, uint16_t, uint16_t>;
    case Type::f16x2: return flush ? nullptr : unary<OnPair<Op, HalfOps>, uint32_t, uint32_t>;
    case Type::bf16:
      return flush ? unary<OnHalf<Flushed<Op>, BfloatOps>, uint16_t, uint16_t>
                   : unary<OnHalf<Op, BfloatOps>, uint16_t, uint16_t>;
    case Type::bf16x2:
      return flush ? unary<OnPair<Flushed<Op>, BfloatOps>, uint32_t, uint32_t>
                   : unary<OnPair<Op, BfloatOps>, uint32_t, uint32_t>;
    default: return nullptr;
  }
}

constexpr TypeSet kSingle = types(Type::f32);

constexpr OpcodeRow kRows[] = {
    {"div", kSingle, choose_divide, "9.7.3.8"},
    {"rcp", kFloats, choose_reciprocal, "9.7.3.13"},
    {"sqrt", kSingle, choose_root<false>, "9.7.3.15"},
    {"rsqrt", kFloats, choose_reciprocal_root, "9.7.3.16"},
    {"sin", kSingle, choose_approximate<Sine>, "9.7.3.18"},
    {"cos", kSingle, choose_approximate<Cosine>, "9.7.3.19"},
    {"lg2", kSingle, choose_approximate<Logarithm>, "9.7.3.20"},
    {"ex2", kSingle, choose_approximate<Exponential>, "9.7.3.21"},
    {"tanh", kSingle, choose_approximate<Tangent>, "9.7.3.22"},
    {"tanh", kHalves, choose_of_half<Tangent>, "9.7.4.9"},
    {"ex2", kHalves, choose_of_half<Exponential>, "9.7.4.10"},
};

}  // namespace
VGPU_SOFT_ROWS(float_approximate, kRows)
}  // namespace vgpu::soft::VGPU_ISA
