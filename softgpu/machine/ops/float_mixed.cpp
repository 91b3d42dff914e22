// SPDX-License-Identifier: Apache-2.0
// add, sub and fma of f32 with operands of 16 bits (PTX ISA 9.7.5): these become f32 exactly, so the result is rounded
// once. From sm_100 on.
#include "softgpu/machine/ops/half.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

template <class Ops>
struct Sum {
  VGPU_INLINE static float apply(uint16_t a, float c) { return finish(Ops::widen(a) + c, 0, 0); }
};
template <class Ops>
struct Difference {
  VGPU_INLINE static float apply(uint16_t a, float c) { return finish(Ops::widen(a) - c, 0, 0); }
};
template <class Ops>
struct Fused {
  VGPU_INLINE static float apply(uint16_t a, uint16_t b, float c) {
    return finish(__builtin_fmaf(Ops::widen(a), Ops::widen(b), c), 0, 0);
  }
};
template <class Op>
struct Saturated {
  template <class... Ts>
  VGPU_INLINE static float apply(Ts... operands) {
    return saturate(Op::apply(operands...));
  }
};

template <class Op>
void two(Warp& warp, const Instruction& instruction, LaneMask mask) {
  binary<Op, float, uint16_t, float>(warp, instruction, mask);
}
template <class Op>
void three(Warp& warp, const Instruction& instruction, LaneMask mask) {
  ternary<Op, float, uint16_t, uint16_t, float>(warp, instruction, mask);
}

struct Modifiers {
  Rounding rounding;
  bool saturate, half;
};

// op{.rnd}{.sat}.f32.{f16,bf16} d, a{, b}, c; false when the second type is no other.
bool take_modifiers(Choice& choice, unsigned halves, Modifiers& modifiers) {
  modifiers.rounding = take_rounding(choice);
  modifiers.saturate = choice.take("sat");
  const Type result = choice.take_type(), type = choice.take_type();
  if (result != Type::f32 || (type != Type::f16 && type != Type::bf16)) return false;
  modifiers.half = type == Type::f16;
  choice.result(result);
  for (unsigned i = 0; i < halves; ++i) choice.source(type);
  choice.source(result);
  return true;
}

template <template <class> class Op>
Handler choose_two(Choice& choice) {
  Modifiers m;
  if (!take_modifiers(choice, 1, m)) return nullptr;
  if (m.saturate)
    return m.half ? with_mode<two<Saturated<Op<HalfOps>>>>(choice, m.rounding, false)
                  : with_mode<two<Saturated<Op<BfloatOps>>>>(choice, m.rounding, false);
  return m.half ? with_mode<two<Op<HalfOps>>>(choice, m.rounding, false)
                : with_mode<two<Op<BfloatOps>>>(choice, m.rounding, false);
}

Handler choose_fused(Choice& choice) {
  Modifiers m;
  if (!take_modifiers(choice, 2, m)) return nullptr;
  if (m.saturate)
    return m.half ? with_mode<three<Saturated<Fused<HalfOps>>>>(choice, m.rounding, false)
                  : with_mode<three<Saturated<Fused<BfloatOps>>>>(choice, m.rounding, false);
  return m.half ? with_mode<three<Fused<HalfOps>>>(choice, m.rounding, false)
                : with_mode<three<Fused<BfloatOps>>>(choice, m.rounding, false);
}

constexpr OpcodeRow kRows[] = {
    {"add", types(Type::f32), choose_two<Sum>, "9.7.5.1"},
    {"sub", types(Type::f32), choose_two<Difference>, "9.7.5.2"},
    {"fma", types(Type::f32), choose_fused, "9.7.5.3"},
};

}  // namespace
VGPU_SOFT_ROWS(float_mixed, kRows)
}  // namespace vgpu::soft::VGPU_ISA
