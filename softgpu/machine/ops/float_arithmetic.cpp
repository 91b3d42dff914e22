// SPDX-License-Identifier: Apache-2.0
// add, sub, mul, fma and mad of f32 and f64 (PTX ISA 9.7.3.3 to 9.7.3.7), in all rounding modes, exactly.
#include "softgpu/machine/ops/float_format.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

struct Add {
  template <class T>
  VGPU_INLINE static T compute(T a, T b) {
    return finish(a + b, a, b);
  }
};
struct Subtract {
  template <class T>
  VGPU_INLINE static T compute(T a, T b) {
    return finish(a - b, a, b);
  }
};
struct Multiply {
  template <class T>
  VGPU_INLINE static T compute(T a, T b) {
    return finish(a * b, a, b);
  }
};
// Without the host's instruction this is the C library's, which is exact as well, in every mode.
VGPU_INLINE float fused(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
VGPU_INLINE double fused(double a, double b, double c) { return __builtin_fma(a, b, c); }
struct Fused {
  template <class T>
  VGPU_INLINE static T compute(T a, T b, T c) {
    return finish(fused(a, b, c), a, b, c);
  }
};

template <class Op, class T>
struct Plain {
  template <class... Ts>
  VGPU_INLINE static T apply(Ts... operands) {
    return Op::template compute<T>(operands...);
  }
};
template <class Op>
struct Saturating {
  template <class... Ts>
  VGPU_INLINE static float apply(Ts... operands) {
    return saturate(Op::template compute<float>(operands...));
  }
};

template <class Op, class T>
void two(Warp& warp, const Instruction& instruction, LaneMask mask) {
  binary<Op, T, T>(warp, instruction, mask);
}
template <class Op, class T>
void three(Warp& warp, const Instruction& instruction, LaneMask mask) {
  ternary<Op, T, T>(warp, instruction, mask);
}

struct Modifiers {
  Rounding rounding;
  bool flush, saturate;
  Type type;
};

Modifiers take_modifiers(Choice& choice, unsigned sources) {
  Modifiers modifiers;
  modifiers.rounding = take_rounding(choice);
  modifiers.flush = choice.take("ftz");
  modifiers.saturate = choice.take("sat");
  modifiers.type = choice.take_type();
  declare(choice, modifiers.type, sources);
  return modifiers;
}

// op{.rnd}{.ftz}{.sat}.f32, op{.rnd}.f64
template <class Op>
Handler choose_binary(Choice& choice) {
  const Modifiers m = take_modifiers(choice, 2);
  if (m.type == Type::f64)
    return m.flush || m.saturate ? nullptr : with_mode<two<Plain<Op, double>, double>>(choice, m.rounding, false);
  if (m.saturate) return with_mode<two<Saturating<Op>, float>>(choice, m.rounding, m.flush);
  return with_mode<two<Plain<Op, float>, float>>(choice, m.rounding, m.flush);
}

// mad is fma under its old name: fused for every target this machine accepts (9.7.3.7).
Handler choose_fused(Choice& choice) {
  const Modifiers m = take_modifiers(choice, 3);
  if (m.type == Type::f64)
    return m.flush || m.saturate ? nullptr : with_mode<three<Plain<Fused, double>, double>>(choice, m.rounding, false);
  if (m.saturate) return with_mode<three<Saturating<Fused>, float>>(choice, m.rounding, m.flush);
  return with_mode<three<Plain<Fused, float>, float>>(choice, m.rounding, m.flush);
}

// The two halves of an f32x2 are independent f32 values.
template <class Op>
void pairs_of_two(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint64_t* a = warp.row<uint64_t>(instruction.operand[1]);
  const uint64_t* b = warp.row<uint64_t>(instruction.operand[2]);
  for_lanes(mask, warp.row<uint64_t>(instruction.operand[0]), [=](unsigned i) {
    const auto half = [&](unsigned shift) {
      return uint64_t{as_bits(Op::template compute<float>(as_float(static_cast<uint32_t>(a[i] >> shift)),
                                                          as_float(static_cast<uint32_t>(b[i] >> shift))))}
             << shift;
    };
    return half(0) | half(32);
  });
}

void pairs_of_fused(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint64_t* a = warp.row<uint64_t>(instruction.operand[1]);
  const uint64_t* b = warp.row<uint64_t>(instruction.operand[2]);
  const uint64_t* c = warp.row<uint64_t>(instruction.operand[3]);
  for_lanes(mask, warp.row<uint64_t>(instruction.operand[0]), [=](unsigned i) {
    const auto half = [&](unsigned shift) {
      return uint64_t{as_bits(Fused::compute(as_float(static_cast<uint32_t>(a[i] >> shift)),
                                             as_float(static_cast<uint32_t>(b[i] >> shift)),
                                             as_float(static_cast<uint32_t>(c[i] >> shift))))}
             << shift;
    };
    return half(0) | half(32);
  });
}

template <class Op>
Handler choose_pairs(Choice& choice) {
  const Modifiers m = take_modifiers(choice, 2);
  return m.saturate ? nullptr : with_mode<pairs_of_two<Op>>(choice, m.rounding, m.flush);
}

Handler choose_fused_pairs(Choice& choice) {
  const Modifiers m = take_modifiers(choice, 3);
  return m.saturate ? nullptr : with_mode<pairs_of_fused>(choice, m.rounding, m.flush);
}

constexpr OpcodeRow kRows[] = {
    {"add", kFloats, choose_binary<Add>, "9.7.3.3"},
    {"sub", kFloats, choose_binary<Subtract>, "9.7.3.4"},
    {"mul", kFloats, choose_binary<Multiply>, "9.7.3.5"},
    {"fma", kFloats, choose_fused, "9.7.3.6"},
    {"mad", kFloats, choose_fused, "9.7.3.7"},
    {"add", types(Type::f32x2), choose_pairs<Add>, "9.7.3.3"},
    {"sub", types(Type::f32x2), choose_pairs<Subtract>, "9.7.3.4"},
    {"mul", types(Type::f32x2), choose_pairs<Multiply>, "9.7.3.5"},
    {"fma", types(Type::f32x2), choose_fused_pairs, "9.7.3.6"},
};

}  // namespace
VGPU_SOFT_ROWS(float_arithmetic, kRows)
}  // namespace vgpu::soft::VGPU_ISA
