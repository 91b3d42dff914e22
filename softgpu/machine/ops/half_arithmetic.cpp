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
  VGPU_INLINE static float compute(float a, float b, float) {
    return a + b;
  }
};
struct Subtract {
  template <class Ops>
  VGPU_INLINE static float compute(float a, float b, float) {
    return a - b;
  }
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
  VGPU_INLINE static float compute(float a, float b, float c) {
    return Ops::fused(a, b, c);
  }
};

// A result is flushed when it is below the normal range once rounded to eleven digits, as if exponents had no end: just
// below 2^-14 the last of these digits is the last place of 0.25, so a sum with that rounds there.
VGPU_INLINE float flush_result(float value) {
  const float rounded = magnitude(value) + 0.25f - 0.25f;
  return rounded < 0x1p-14f ? as_float(as_bits(value) & Single::kSign) : value;
}

// A row of packed registers is a row of twice as many halves, so both forms are one loop over `Count` elements.
// Thirty-two at a time go through f32.
template <class Ops, class Op, unsigned sources, unsigned Count>
void compute(const uint16_t* const* operands, uint16_t* result) {
  for (unsigned first = 0; first < Count; first += kLanes) {
    float wide[3][kLanes] = {};
    for (unsigned k = 0; k < sources; ++k) widen_row(operands[k] + first, wide[k], Ops{});
    float values[kLanes];
    for (unsigned i = 0; i < kLanes; ++i) values[i] = Op::template compute<Ops>(wide[0][i], wide[1][i], wide[2][i]);
    narrow_row(values, result + first, Ops{});
  }
}

// The same with modifiers.
template <class Ops, class Op, unsigned sources, unsigned Count>
void compute_modified(const uint16_t* const* operands, uint16_t* result, uint8_t aux) {
  using F = typename Ops::Format;
  for (unsigned first = 0; first < Count; first += kLanes) {
    float wide[3][kLanes] = {};
    for (unsigned k = 0; k < sources; ++k) {
      uint16_t elements[kLanes];
      for (unsigned i = 0; i < kLanes; ++i) elements[i] = operands[k][first + i];
      if ((aux & kFlush) != 0)
        for (uint16_t& element : elements) element = F::flush(element);
      widen_row(elements, wide[k], Ops{});
    }
    float values[kLanes];
    for (unsigned i = 0; i < kLanes; ++i) values[i] = Op::template compute<Ops>(wide[0][i], wide[1][i], wide[2][i]);
    if ((aux & kFlush) != 0)
      for (float& value : values) value = flush_result(value);
    if ((aux & kSaturate) != 0)
      for (float& value : values) value = saturate(value);
    uint16_t* part = result + first;
    narrow_row(values, part, Ops{});
    if ((aux & kRelu) != 0)
      for (unsigned i = 0; i < kLanes; ++i)
        part[i] = (part[i] & F::kSign) != 0 && !F::is_nan(part[i]) ? uint16_t{0} : part[i];
  }
}

// Element: what a lane writes, uint16_t or uint32_t.
template <class Ops, class Op, unsigned sources, class Element, bool modified>
void handler(Warp& warp, const Instruction& instruction, LaneMask mask) {
  constexpr unsigned kCount = kLanes * sizeof(Element) / sizeof(uint16_t);
  const uint16_t* operands[sources];
  for (unsigned k = 0; k < sources; ++k) operands[k] = warp.row<uint16_t>(instruction.operand[k + 1]);
  alignas(64) uint16_t result[kCount];
  if constexpr (modified) compute_modified<Ops, Op, sources, kCount>(operands, result, instruction.aux);
  else compute<Ops, Op, sources, kCount>(operands, result);
  const auto* elements = reinterpret_cast<const Element*>(result);
  for_lanes(mask, warp.row<Element>(instruction.operand[0]), [=](unsigned i) { return elements[i]; });
}

template <class Ops, class Op, unsigned sources, class Element>
Handler handler_of(bool modified) {
  return modified ? handler<Ops, Op, sources, Element, true> : handler<Ops, Op, sources, Element, false>;
}

// op{.rnd}{.ftz}{.sat}{.relu}.type: rn is the only rounding; bf16 has neither .ftz nor .sat; .relu is for fma.
template <class Op, unsigned sources>
Handler choose(Choice& choice) {
  choice.take("rn");
  const bool flush = choice.take("ftz"), saturating = choice.take("sat"), relu = sources == 3 && choice.take("relu");
  const Type type = choice.take_type();
  declare(choice, type, sources);
  choice.set_aux(static_cast<uint8_t>((flush ? kFlush : 0) | (saturating ? kSaturate : 0) | (relu ? kRelu : 0)));
  if ((type == Type::bf16 || type == Type::bf16x2) && (flush || saturating)) return nullptr;
  const bool modified = flush || saturating || relu;
  switch (type) {
    case Type::f16: return handler_of<HalfOps, Op, sources, uint16_t>(modified);
    case Type::f16x2: return handler_of<HalfOps, Op, sources, uint32_t>(modified);
    case Type::bf16: return handler_of<BfloatOps, Op, sources, uint16_t>(modified);
    case Type::bf16x2: return handler_of<BfloatOps, Op, sources, uint32_t>(modified);
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
