// SPDX-License-Identifier: Apache-2.0
// cvt between floating-point formats, and to integral values within one (PTX ISA 9.7.9.21).
#include "softgpu/machine/ops/round.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

VGPU_INLINE float flushed(float a) { return as_float(Single::flush(as_bits(a))); }

// A format's element, and its value as a host number. NaNs keep their payload but for f16, whose f32 value is
// canonical.
struct HalfElement : HalfOps {
  using Element = uint16_t;
  using Value = float;
  VGPU_INLINE static float load(uint16_t a) { return half_to_float(a); }
  VGPU_INLINE static uint16_t store(float a) { return float_to_half(a); }
};
struct BfloatElement : BfloatOps {
  using Element = uint16_t;
  using Value = float;
  VGPU_INLINE static float load(uint16_t a) { return bfloat_to_float(a); }
  VGPU_INLINE static uint16_t store(float a) { return float_to_bfloat(a); }
};
struct FlushedBfloatElement : BfloatElement {
  VGPU_INLINE static float load(uint16_t a) { return bfloat_to_float(Bfloat::flush(a)); }
};
struct SingleElement {
  using Element = float;
  using Value = float;
  VGPU_INLINE static float load(float a) { return a; }
  VGPU_INLINE static float store(float a) { return finish(a, 0, 0); }
};
struct DoubleElement {
  using Element = double;
  using Value = double;
  VGPU_INLINE static double load(double a) { return a; }
  VGPU_INLINE static double store(double a) { return a; }
};

VGPU_INLINE float clamp_to_one(float a) { return saturate(a); }
VGPU_INLINE double clamp_to_one(double a) { return a > 0 ? (a < 1 ? a : 1.0) : 0.0; }

constexpr uint8_t kSaturate = 4, kRelu = 8, kSatFinite = 16, kFlush = 32;  // in aux, above the rounding mode

// Narrowing to f16 and bf16: the value comes as a float that can be rounded once more (half.h).
template <class Ops, class From>
void to_half(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const auto* a = warp.row<typename From::Element>(instruction.operand[1]);
  const uint8_t aux = instruction.aux;
  const auto rounding = static_cast<Rounding>(aux & 3);
  float values[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) {
    if constexpr (sizeof(typename From::Value) == 8) values[i] = narrow_to_odd(a[i]);
    else values[i] = From::load(a[i]);
  }
  if ((aux & kFlush) != 0)
    for (float& value : values) value = flushed(value);
  if ((aux & kSaturate) != 0)
    for (float& value : values) value = saturate(value);
  uint16_t rounded[kLanes];
  if (rounding == kNearestEven) narrow_row(values, rounded, Ops{});
  else
    for (unsigned i = 0; i < kLanes; ++i) rounded[i] = round_to(Ops{}, values[i], rounding);
  if ((aux & kSatFinite) != 0)
    for (unsigned i = 0; i < kLanes; ++i) rounded[i] = limit_finite(Ops{}, rounded[i]);
  if ((aux & kRelu) != 0)
    for (uint16_t& value : rounded) value = rectify<typename Ops::Format>(value);
  for_lanes(mask, warp.row<uint16_t>(instruction.operand[0]), [&](unsigned i) { return rounded[i]; });
}

// The commonest form: from f32, to nearest even, nothing else.
template <class Ops>
void single_to_half(Warp& warp, const Instruction& instruction, LaneMask mask) {
  alignas(64) uint16_t rounded[kLanes];
  narrow_row(warp.row<float>(instruction.operand[1]), rounded, Ops{});
  for_lanes(mask, warp.row<uint16_t>(instruction.operand[0]), [&](unsigned i) { return rounded[i]; });
}

// `aux` as above.
template <class Ops>
Handler to_half_from(Type source, uint8_t aux) {
  if (source == Type::f32 && aux == kNearestEven) return single_to_half<Ops>;
  switch (source) {
    case Type::f16: return to_half<Ops, HalfElement>;
    case Type::bf16: return to_half<Ops, BfloatElement>;
    case Type::f32: return to_half<Ops, SingleElement>;
    case Type::f64: return to_half<Ops, DoubleElement>;
    default: return nullptr;
  }
}

// f64 to f32 in the host's mode, which flushes as well. Hardware and host agree on the NaN.
template <bool saturating>
void double_to_single(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const double* a = warp.row<double>(instruction.operand[1]);
  for_lanes(mask, warp.row<float>(instruction.operand[0]), [=](unsigned i) {
    const auto value = static_cast<float>(a[i]);
    return saturating ? saturate(value) : value;
  });
}

// Widening is exact. Half values as f32 have the canonical NaN, bf16 ones their own.
void half_to_single(Warp& warp, const Instruction& instruction, LaneMask mask) {
  float values[kLanes];
  widen_row(warp.row<uint16_t>(instruction.operand[1]), values, HalfOps{});
  for_lanes(mask, warp.row<float>(instruction.operand[0]), [&](unsigned i) { return finish(values[i], 0, 0); });
}

template <class From, class D, bool saturating>
void widen(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const auto* a = warp.row<typename From::Element>(instruction.operand[1]);
  for_lanes(mask, warp.row<D>(instruction.operand[0]), [=](unsigned i) {
    const auto value = static_cast<D>(From::load(a[i]));
    return saturating ? clamp_to_one(value) : value;
  });
}

// Copies bits: without a modifier, a conversion of a type to itself changes nothing.
template <class T>
void copy(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const T* a = warp.row<T>(instruction.operand[1]);
  for_lanes(mask, warp.row<T>(instruction.operand[0]), [=](unsigned i) { return a[i]; });
}

// To an integral value of the same type, or (rounding kNone) only .ftz and .sat.
constexpr uint8_t kNone = 64;

template <class E>
void within(Warp& warp, const Instruction& instruction, LaneMask mask) {
  using Value = typename E::Value;
  const auto* a = warp.row<typename E::Element>(instruction.operand[1]);
  const uint8_t aux = instruction.aux;
  Value values[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) values[i] = E::load(a[i]);
  if constexpr (sizeof(Value) == 4)
    if ((aux & kFlush) != 0)
      for (float& value : values) value = flushed(value);
  if ((aux & kNone) == 0) round_row(values, aux & 3);
  if ((aux & kSaturate) != 0)
    for (Value& value : values) value = clamp_to_one(value);
  for_lanes(mask, warp.row<typename E::Element>(instruction.operand[0]),
            [&](unsigned i) { return E::store(values[i]); });
}

Handler choose_within(Choice& choice, Type type, int rounding, bool flush, bool saturating) {
  if (flush && type != Type::f32) return nullptr;
  const bool plain = rounding < 0 && !flush && !saturating;
  choice.set_aux(
      static_cast<uint8_t>((rounding < 0 ? kNone : rounding) | (flush ? kFlush : 0) | (saturating ? kSaturate : 0)));
  switch (type) {
    case Type::f16: return plain ? copy<uint16_t> : within<HalfElement>;
    case Type::bf16: return plain ? copy<uint16_t> : within<BfloatElement>;
    case Type::f32: return plain ? copy<uint32_t> : within<SingleElement>;
    case Type::f64: return plain ? copy<uint64_t> : within<DoubleElement>;
    default: return nullptr;
  }
}

// tf32 is an f32 whose low 13 fraction bits are zero. .rna, ties away from zero, does not look at NaN.
template <bool ties_away>
VGPU_INLINE uint32_t to_tf32(uint32_t a, Rounding rounding) {
  constexpr uint32_t kKept = ~uint32_t{0x1fff};
  const uint32_t m = a & Single::kMagnitude, sign = a & Single::kSign;
  if constexpr (ties_away) return sign | ((m < Single::kInfinity ? m + 0x1000 : m) & kKept);
  const uint32_t even = (m + 0xfff + (m >> 13 & 1u)) & kKept;
  return Single::is_nan(a) ? 0x7fffe000u : sign | (rounding == kTowardsZero ? m & kKept : even);
}

template <bool ties_away>
void single_to_tf32(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint32_t* a = warp.row<uint32_t>(instruction.operand[1]);
  const uint8_t aux = instruction.aux;
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]), [=](unsigned i) {
    uint32_t value = to_tf32<ties_away>(a[i], static_cast<Rounding>(aux & 3));
    const bool overflow = (value & Single::kMagnitude) == Single::kInfinity && (aux & kSatFinite) != 0;
    value = overflow ? (value & Single::kSign) | 0x7f7fe000u : value;
    return (aux & kRelu) != 0 ? rectify<Single>(value) : value;
  });
}

struct Modifiers {
  int integer_rounding, rounding;
  bool nearest_away, flush, saturating, relu, finite;
  Type result, source;
};

Modifiers take_modifiers(Choice& choice) {
  static constexpr const char* kModes[] = {"rn", "rz", "rm", "rp"};
  Modifiers m;
  m.integer_rounding = take_integer_rounding(choice);
  m.rounding = choice.take_one(kModes);
  m.nearest_away = choice.take("rna");
  m.flush = choice.take("ftz");
  m.saturating = choice.take("sat");
  m.relu = choice.take("relu");
  m.finite = choice.take("satfinite");
  m.result = choice.take_type();
  m.source = choice.take_type();
  return m;
}

Handler choose_tf32(Choice& choice, const Modifiers& m) {
  choice.result(Type::b32);
  choice.source(Type::f32);
  choice.set_aux(
      static_cast<uint8_t>((m.rounding < 0 ? 0 : m.rounding) | (m.relu ? kRelu : 0) | (m.finite ? kSatFinite : 0)));
  if (m.source != Type::f32 || m.flush || m.saturating || m.integer_rounding >= 0) return nullptr;
  if (m.nearest_away) return m.rounding < 0 ? single_to_tf32<true> : nullptr;
  return m.rounding == kNearestEven || m.rounding == kTowardsZero ? single_to_tf32<false> : nullptr;
}

Handler choose_narrow(Choice& choice, const Modifiers& m) {
  if (m.rounding < 0 || m.integer_rounding >= 0) return nullptr;
  const auto rounding = static_cast<Rounding>(m.rounding);
  if (m.result == Type::f32) {
    if (m.source != Type::f64 || m.relu || m.finite) return nullptr;
    return m.saturating ? with_mode<double_to_single<true>>(choice, rounding, m.flush)
                        : with_mode<double_to_single<false>>(choice, rounding, m.flush);
  }
  if (m.flush && m.source != Type::f32) return nullptr;
  if (m.saturating && (m.result == Type::bf16 || m.source == Type::bf16)) return nullptr;
  const auto aux = static_cast<uint8_t>(m.rounding | (m.saturating ? kSaturate : 0) | (m.relu ? kRelu : 0) |
                                        (m.finite ? kSatFinite : 0) | (m.flush ? kFlush : 0));
  choice.set_aux(aux);
  if (m.result == Type::f16) return to_half_from<HalfOps>(m.source, aux);
  return m.result == Type::bf16 ? to_half_from<BfloatOps>(m.source, aux) : nullptr;
}

// .ftz concerns subnormal f32 operands and results; every f16 subnormal is a normal f32.
Handler choose_widen(Choice& choice, const Modifiers& m) {
  if (m.relu || m.finite || m.integer_rounding >= 0) return nullptr;
  // bf16 may name a rounding, which has nothing to do, and knows no .sat.
  const bool s = m.saturating, from_bfloat = m.source == Type::bf16;
  if (from_bfloat ? s : m.rounding >= 0) return nullptr;
  if (m.result == Type::f32 && m.source == Type::f16) return s ? widen<HalfElement, float, true> : half_to_single;
  if (m.result == Type::f32 && from_bfloat)
    return m.flush ? widen<FlushedBfloatElement, float, false> : widen<BfloatElement, float, false>;
  if (m.result != Type::f64) return nullptr;
  if (m.source == Type::f32)
    return s ? with_mode<widen<SingleElement, double, true>>(choice, kNearestEven, m.flush)
             : with_mode<widen<SingleElement, double, false>>(choice, kNearestEven, m.flush);
  if (m.flush) return nullptr;
  if (m.source == Type::f16) return s ? widen<HalfElement, double, true> : widen<HalfElement, double, false>;
  if (from_bfloat) return widen<BfloatElement, double, false>;
  return nullptr;
}

unsigned rank(Type type) { return type == Type::f64 ? 3 : type == Type::f32 ? 2 : 1; }

Handler choose_cvt(Choice& choice) {
  const Modifiers m = take_modifiers(choice);
  if (m.result == Type::tf32) return choose_tf32(choice, m);
  choice.result_relaxed(m.result);
  choice.source_relaxed(m.source);
  if (m.nearest_away || !contains(kFloats | types(Type::f16, Type::bf16), m.source)) return nullptr;
  if (m.result == m.source)
    return m.rounding >= 0 || m.relu || m.finite
               ? nullptr
               : choose_within(choice, m.result, m.integer_rounding, m.flush, m.saturating);
  return rank(m.result) > rank(m.source) ? choose_widen(choice, m) : choose_narrow(choice, m);
}

constexpr OpcodeRow kRows[] = {
    {"cvt", kFloats | types(Type::f16, Type::bf16, Type::tf32), choose_cvt, "9.7.9.21"},
};

}  // namespace
VGPU_SOFT_ROWS(convert_float, kRows)
}  // namespace vgpu::soft::VGPU_ISA
