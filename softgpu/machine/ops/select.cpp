// SPDX-License-Identifier: Apache-2.0
// selp and slct (PTX ISA 9.7.6.3, 9.7.6.4).
#include "softgpu/machine/ops/float_format.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

template <class T>
void selp(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const T* a = warp.row<T>(instruction.operand[1]);
  const T* b = warp.row<T>(instruction.operand[2]);
  const LaneMask first = warp.predicate(instruction.operand[3]);
  for_lanes(mask, warp.row<T>(instruction.operand[0]),
            [=](unsigned i) { return (first >> i & 1u) != 0 ? a[i] : b[i]; });
}

// c >= 0 selects a. -0 does, NaN does not; with .ftz a negative subnormal counts as -0.
template <class T, class C>
struct Sign {
  VGPU_INLINE static T apply(T a, T b, C c) { return c >= 0 ? a : b; }
};
template <class T>
struct FlushedSign {
  VGPU_INLINE static T apply(T a, T b, float c) { return as_float(Single::flush(as_bits(c))) >= 0 ? a : b; }
};

template <class T>
Handler slct(Type control, bool flush) {
  if (control == Type::s32) return flush ? nullptr : ternary<Sign<T, int32_t>, T, T, T, int32_t>;
  if (control != Type::f32) return nullptr;
  return flush ? ternary<FlushedSign<T>, T, T, T, float> : ternary<Sign<T, float>, T, T, T, float>;
}

Handler choose_selp(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(type);
  choice.source(Type::pred);
  switch (bits_of(type)) {
    case 16: return selp<uint16_t>;
    case 32: return selp<uint32_t>;
    case 64: return selp<uint64_t>;
    default: return nullptr;
  }
}

Handler choose_slct(Choice& choice) {
  const bool flush = choice.take("ftz");
  const Type type = choice.take_type();
  const Type control = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(type);
  choice.source(control);
  switch (bits_of(type)) {
    case 16: return slct<uint16_t>(control, flush);
    case 32: return slct<uint32_t>(control, flush);
    case 64: return slct<uint64_t>(control, flush);
    default: return nullptr;
  }
}

constexpr TypeSet kSelectable = kBits16To64 | kIntegers16To64 | kFloats;

constexpr OpcodeRow kRows[] = {
    {"selp", kSelectable, choose_selp, "9.7.6.3"},
    {"slct", kSelectable, choose_slct, "9.7.6.4"},
};

}  // namespace
VGPU_SOFT_ROWS(select, kRows)
}  // namespace vgpu::soft::VGPU_ISA
