// SPDX-License-Identifier: Apache-2.0
// add, sub, mul, fma of f16, f16x2, bf16, bf16x2 (PTX ISA 9.7.4.1 to 9.7.4.4).
// An f32 sum or product of two halves rounds to the same half as the exact one (it has more than twice the digits); a
// fused result takes the way by rounding to odd (half.h).
#include "softgpu/machine/ops/half.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr uint8_t kFlush = 1, kSaturate = 2, kRelu = 4;  // in aux

struct Add {
  template <class Ops>
  VGPU_INLINE static float compute(float a, float b, float) { return a + b; }
};
struct Subtract {
  template <class Ops>
  VGPU_INLINE static float compute(float a, float b, float) { return a - b; }
};
struct Multiply {
  template <class Ops>
  VGPU_INLINE static float compute(float a, float b, float) {
    // A product of bf16 can be below the f32 subnormals' precision; one of f16 never is.
    if constexpr (std::is_same_v<Ops, BfloatOps>) return narrow_to_odd(static_cast<double>(a) * static_cast<double>(b));
    return a * b;
  }
};
struct Fused {
  template <class Ops>
  VGPU_INLINE static float compute(float a, float b, float c) { return Ops::fused(a, b, c); }
};

// A result is flushed when it is below the normal range once rounded to eleven digits, as if exponents had no end: just
// below 2^-14 the last of these digits is the last place of 0.25, so a sum with that rounds there.
VGPU_INLINE float flush_result(float value) {
  const float rounded = magnitude(value) + 0.25f - 0.25f;
  return rounded < 0x1p-14f ? as_float(as_bits(value) & Single::kSign) : value;
}

template <class Ops, class Op, unsigned sources>
VGPU_INLINE void compute_row(const uint16_t (*operands)[kLanes], uint16_t* result, uint8_t aux) {
  using F = typename Ops::Format;
  float wide[3][kLanes] = {};
  for (unsigned k = 0; k < sources; ++k) {
    uint16_t elements[kLanes];
    for (unsigned i = 0; i < kLanes; ++i) elements[i] = (aux & kFlush) != 0 ? F::flush(operands[k][i]) : operands[k][i];
    widen_row(elements, wide[k], Ops{});
  }
  float values[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) values[i] = Op::template compute<Ops>(wide[0][i], wide[1][i], wide[2][i]);
  if ((aux & kFlush) != 0)
    for (float& value : values) value = flush_result(value);
  if ((aux & kSaturate) != 0)
    for (float& value : values) value = saturate(value);
  narrow_row(values, result, Ops{});
  if ((aux & kRelu) != 0)
    for (unsigned i = 0; i < kLanes; ++i)
      result[i] = (result[i] & F::kSign) != 0 && !F::is_nan(result[i]) ? uint16_t{0} : result[i];
}

template <class Ops, class Op, unsigned sources>
void scalar(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint16_t operands[sources][kLanes], result[kLanes];
  for (unsigned k = 0; k < sources; ++k) {
    const uint16_t* row = warp.row<uint16_t>(instruction.operand[k + 1]);
    for (unsigned i = 0; i < kLanes; ++i) operands[k][i] = row[i];
  }
  compute_row<Ops, Op, sources>(operands, result, instruction.aux);
  for_lanes(mask, warp.row<uint16_t>(instruction.operand[0]), [&](unsigned i) { return result[i]; });
}

template <class Ops, class Op, unsigned sources>
void packed(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint16_t low[sources][kLanes], high[sources][kLanes], low_result[kLanes], high_result[kLanes];
  for (unsigned k = 0; k < sources; ++k) {
    const uint32_t* row = warp.row<uint32_t>(instruction.operand[k + 1]);
    for (unsigned i = 0; i < kLanes; ++i) low[k][i] = static_cast<uint16_t>(row[i]);
    for (unsigned i = 0; i < kLanes; ++i) high[k][i] = static_cast<uint16_t>(row[i] >> 16);
  }
  compute_row<Ops, Op, sources>(low, low_result, instruction.aux);
  compute_row<Ops, Op, sources>(high, high_result, instruction.aux);
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]),
            [&](unsigned i) { return uint32_t{low_result[i]} | uint32_t{high_result[i]} << 16; });
}

// op{.rnd}{.ftz}{.sat}{.relu}.type: rn is the only rounding; bf16 has neither .ftz nor .sat; .relu is for fma.
template <class Op, unsigned sources>
Handler choose(Choice& choice) {
  choice.take("rn");
  const bool flush = choice.take("ftz"), saturating = choice.take("sat"), relu = sources == 3 && choice.take("relu");
  const Type type = choice.take_type();
  declare(choice, type, sources);
  choice.set_aux(static_cast<uint8_t>((flush ? kFlush : 0) | (saturating ? kSaturate : 0) | (relu ? kRelu : 0)));
  const bool plain = !flush && !saturating;
  switch (type) {
    case Type::f16: return scalar<HalfOps, Op, sources>;
    case Type::f16x2: return packed<HalfOps, Op, sources>;
    case Type::bf16: return plain ? scalar<BfloatOps, Op, sources> : nullptr;
    case Type::bf16x2: return plain ? packed<BfloatOps, Op, sources> : nullptr;
    default: return nullptr;
  }
}

constexpr OpcodeRow kRows[] = {
    {"add", kHalves, choose<Add, 2>, "9.7.4.1"},
    {"sub", kHalves, choose<Subtract, 2>, "9.7.4.2"},
    {"mul", kHalves, choose<Multiply, 2>, "9.7.4.3"},
    {"fma", kHalves, choose<Fused, 3>, "9.7.4.4"},
};

}  // namespace
VGPU_SOFT_ROWS(half_arithmetic, kRows)
}  // namespace vgpu::soft::VGPU_ISA
