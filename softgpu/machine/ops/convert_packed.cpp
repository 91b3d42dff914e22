// SPDX-License-Identifier: Apache-2.0
// cvt of two values at once: to f16x2, bf16x2 and the formats of four to eight bits, and back (PTX ISA 9.7.9.21). The
// first source goes to the upper half.
#include "softgpu/machine/ops/round.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr uint8_t kRelu = 8, kSatFinite = 16;  // in aux, above the rounding mode

template <class Ops>
VGPU_INLINE uint32_t to_half(float value, uint8_t aux) {
  uint16_t bits = round_to(Ops{}, value, static_cast<Rounding>(aux & 3));
  bits = (aux & kSatFinite) != 0 ? limit_finite(Ops{}, bits) : bits;
  return (aux & kRelu) != 0 ? rectify<typename Ops::Format>(bits) : bits;
}

template <class Ops>
void pair_to_half(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const float* a = warp.row<float>(instruction.operand[1]);
  const float* b = warp.row<float>(instruction.operand[2]);
  const uint8_t aux = instruction.aux;
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]),
            [=](unsigned i) { return to_half<Ops>(a[i], aux) << 16 | to_half<Ops>(b[i], aux); });
}

// The commonest form: to nearest even, nothing else.
template <class Ops>
void pair_to_half_plainly(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint16_t high[kLanes], low[kLanes];
  narrow_row(warp.row<float>(instruction.operand[1]), high, Ops{});
  narrow_row(warp.row<float>(instruction.operand[2]), low, Ops{});
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]),
            [&](unsigned i) { return uint32_t{high[i]} << 16 | low[i]; });
}

template <class Ops>
Handler pair_to(bool plain) {
  return plain ? pair_to_half_plainly<Ops> : pair_to_half<Ops>;
}

// Narrow formats. e4m3 has no infinity and one NaN (all ones), e5m2 is like a shorter f16. Those of four and six bits
// have neither: NaN becomes the largest number. Two of six bits have a byte each, two of four bits share one.
struct E4m3 {
  static constexpr int kFraction = 3, kBias = 7, kSign = 7, kApart = 8;
  static constexpr uint32_t kLargest = 0x7e, kNan = 0x7f;
  using Pair = uint16_t;
};
struct E5m2 {
  static constexpr int kFraction = 2, kBias = 15, kSign = 7, kApart = 8;
  static constexpr uint32_t kLargest = 0x7b, kNan = 0x7f;
  using Pair = uint16_t;
};
struct E2m3 {
  static constexpr int kFraction = 3, kBias = 1, kSign = 5, kApart = 8;
  static constexpr uint32_t kLargest = 0x1f, kNan = 0x1f;
  using Pair = uint16_t;
};
struct E3m2 {
  static constexpr int kFraction = 2, kBias = 3, kSign = 5, kApart = 8;
  static constexpr uint32_t kLargest = 0x1f, kNan = 0x1f;
  using Pair = uint16_t;
};
struct E2m1 {
  static constexpr int kFraction = 1, kBias = 1, kSign = 3, kApart = 4;
  static constexpr uint32_t kLargest = 7, kNan = 7;
  using Pair = uint8_t;
};

// To nearest even, limited to the largest finite number (.satfinite is required). The arithmetic is float_to_half's.
template <class F>
VGPU_INLINE uint32_t to_narrow(float value, uint8_t aux) {
  constexpr uint32_t kShift = 23 - F::kFraction;
  constexpr uint32_t kRebias = static_cast<uint32_t>(127 - F::kBias) << 23;
  constexpr uint32_t kSmallestNormal = kRebias + (1u << 23);
  // One whose last place is the last place of a subnormal.
  constexpr uint32_t kAnchor = kSmallestNormal + (kShift << 23);
  const uint32_t bits = as_bits(value), m = bits & Single::kMagnitude;
  const uint32_t sign = (bits >> 31) << F::kSign;
  const uint32_t small = as_bits(as_float(m) + as_float(kAnchor)) - kAnchor;
  const uint32_t normal = (m + ((1u << (kShift - 1)) - 1) + (m >> kShift & 1u) - kRebias) >> kShift;
  const uint32_t finite = m < kSmallestNormal ? small : normal;
  const uint32_t limited = m >= 0x48000000u || finite > F::kLargest ? F::kLargest : finite;
  const uint32_t rectified = (aux & kRelu) != 0 && sign != 0 ? 0u : sign | limited;
  return m > Single::kInfinity ? F::kNan : rectified;
}

template <class F>
void pair_to_narrow(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const float* a = warp.row<float>(instruction.operand[1]);
  const float* b = warp.row<float>(instruction.operand[2]);
  const uint8_t aux = instruction.aux;
  using Pair = typename F::Pair;
  for_lanes(mask, warp.row<Pair>(instruction.operand[0]), [=](unsigned i) {
    return static_cast<Pair>(to_narrow<F>(a[i], aux) << F::kApart | to_narrow<F>(b[i], aux));
  });
}

template <class F>
void halves_to_narrow(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint32_t* a = warp.row<uint32_t>(instruction.operand[1]);
  const uint8_t aux = instruction.aux;
  for_lanes(mask, warp.row<uint16_t>(instruction.operand[0]), [=](unsigned i) {
    const float low = half_to_float(static_cast<uint16_t>(a[i])),
                high = half_to_float(static_cast<uint16_t>(a[i] >> 16));
    return static_cast<uint16_t>(to_narrow<F>(high, aux) << 8 | to_narrow<F>(low, aux));
  });
}

// An e5m2 is the upper byte of an f16. An e4m3 has the same digits with another bias; its subnormals are normal f16.
VGPU_INLINE uint32_t from_narrow(uint32_t a, E5m2) {
  const uint32_t bits = a << 8;
  return Half::is_nan(static_cast<uint16_t>(bits)) ? uint32_t{Half::kNan} : bits;
}
VGPU_INLINE uint32_t from_narrow(uint32_t a, E4m3) {
  const uint32_t m = a & 0x7f;
  const uint32_t small = as_bits(static_cast<float>(static_cast<int32_t>(m)) * 0x1p-9f);  // exact as f16 too
  const uint32_t small_half = (small - (112u << 23)) >> 13;
  const uint32_t finite = m == 0 ? 0 : m < 8 ? small_half : (m << 7) + (8u << 10);
  return m == 0x7f ? uint32_t{Half::kNan} : (a & 0x80) << 8 | finite;
}

// The others are exact in f16, and no encoding of theirs is a NaN.
template <class F>
VGPU_INLINE uint32_t from_narrow(uint32_t a, F) {
  constexpr uint32_t kSign = 1u << F::kSign, kNormal = 1u << F::kFraction;
  const uint32_t m = a & (kSign - 1);
  const float small = static_cast<float>(static_cast<int32_t>(m)) * as_float((128u - F::kBias - F::kFraction) << 23);
  const uint32_t small_half = m == 0 ? 0 : (as_bits(small) - (112u << 23)) >> 13;
  const uint32_t normal = (m << (10 - F::kFraction)) + (static_cast<uint32_t>(15 - F::kBias) << 10);
  return (a & kSign) << (15 - F::kSign) | (m < kNormal ? small_half : normal);
}

template <class F>
void narrow_to_halves(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const auto* a = warp.row<typename F::Pair>(instruction.operand[1]);
  const uint8_t aux = instruction.aux;
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]), [=](unsigned i) {
    constexpr uint32_t kOne = (1u << F::kApart) - 1;
    uint32_t low = from_narrow(a[i] & kOne, F{}), high = from_narrow(uint32_t{a[i]} >> F::kApart, F{});
    if ((aux & kRelu) != 0) {
      low = rectify<Half>(static_cast<uint16_t>(low));
      high = rectify<Half>(static_cast<uint16_t>(high));
    }
    return high << 16 | low;
  });
}

// ue8m0 is an exponent without a sign: 0 is 2^-127, 255 is NaN. What overflows is NaN too, unless .satfinite.
constexpr uint8_t kExponentUp = 1;

VGPU_INLINE uint32_t to_exponent(uint32_t bits, uint8_t aux) {
  constexpr uint32_t kSmallest = 1u << 22;  // 2^-127 as a subnormal
  const uint32_t m = bits & Single::kMagnitude;
  const bool up = (aux & kExponentUp) != 0 && m > kSmallest && m < Single::kInfinity && (m & ((1u << 23) - 1)) != 0;
  const uint32_t exponent = (m >> 23) + (up ? 1 : 0);
  return (aux & kSatFinite) != 0 && m <= Single::kInfinity && exponent == 255 ? 254 : exponent;
}

void pair_to_exponents(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint32_t* a = warp.row<uint32_t>(instruction.operand[1]);
  const uint32_t* b = warp.row<uint32_t>(instruction.operand[2]);
  const uint8_t aux = instruction.aux;
  for_lanes(mask, warp.row<uint16_t>(instruction.operand[0]),
            [=](unsigned i) { return static_cast<uint16_t>(to_exponent(a[i], aux) << 8 | to_exponent(b[i], aux)); });
}

void bfloats_to_exponents(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint32_t* a = warp.row<uint32_t>(instruction.operand[1]);
  const uint8_t aux = instruction.aux;
  for_lanes(mask, warp.row<uint16_t>(instruction.operand[0]), [=](unsigned i) {
    return static_cast<uint16_t>(to_exponent(a[i] & 0xffff0000u, aux) << 8 | to_exponent(a[i] << 16, aux));
  });
}

VGPU_INLINE uint32_t from_exponent(uint32_t a) { return a == 255 ? uint32_t{Bfloat::kNan} : a == 0 ? 0x40u : a << 7; }

void exponents_to_bfloats(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint16_t* a = warp.row<uint16_t>(instruction.operand[1]);
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]),
            [=](unsigned i) { return from_exponent(uint32_t{a[i]} >> 8) << 16 | from_exponent(a[i] & 0xffu); });
}

// `Narrow<F>::handler` of the format that the type names.
template <template <class> class Narrow>
Handler of_format(Type type) {
  switch (type) {
    case Type::e4m3x2: return Narrow<E4m3>::handler;
    case Type::e5m2x2: return Narrow<E5m2>::handler;
    case Type::e2m3x2: return Narrow<E2m3>::handler;
    case Type::e3m2x2: return Narrow<E3m2>::handler;
    case Type::e2m1x2: return Narrow<E2m1>::handler;
    default: return nullptr;
  }
}
template <class F>
struct FromSingles {
  static constexpr Handler handler = pair_to_narrow<F>;
};
template <class F>
struct ToHalves {
  static constexpr Handler handler = narrow_to_halves<F>;
};

Type register_of(Type type) { return bits_of(type) == 8 ? Type::b8 : bits_of(type) == 16 ? Type::b16 : Type::b32; }

// cvt.{rz,rp}{.satfinite}.ue8m0x2.{f32 d, a, b; bf16x2 d, a;}
Handler choose_exponents(Choice& choice, Type source, bool up, bool finite) {
  choice.set_aux(static_cast<uint8_t>((up ? kExponentUp : 0) | (finite ? kSatFinite : 0)));
  choice.source(source == Type::f32 ? Type::f32 : Type::b32);
  if (source == Type::bf16x2) return bfloats_to_exponents;
  if (source != Type::f32) return nullptr;
  choice.source(Type::f32);
  return pair_to_exponents;
}

// cvt.frnd{.relu}{.satfinite}.{f16x2,bf16x2, a pair of narrow ones}.f32 d, a, b;
Handler choose_from_singles(Choice& choice, Type result, int rounding, bool relu, bool finite) {
  choice.source(Type::f32);
  choice.source(Type::f32);
  const bool plain = rounding == kNearestEven && !relu && !finite;
  if (result == Type::f16x2) return pair_to<HalfOps>(plain);
  if (result == Type::bf16x2) return pair_to<BfloatOps>(plain);
  return rounding == kNearestEven && finite ? of_format<FromSingles>(result) : nullptr;
}

Handler choose_cvt(Choice& choice) {
  static constexpr const char* kModes[] = {"rn", "rz", "rp"};
  constexpr int kModeUp = 2;
  const int rounding = choice.take_one(kModes);
  const bool relu = choice.take("relu"), finite = choice.take("satfinite");
  const Type result = choice.take_type(), source = choice.take_type();
  if (rounding < 0) return nullptr;
  choice.result(register_of(result));
  if (result == Type::ue8m0x2) {
    if (rounding == kNearestEven || relu) return nullptr;
    return choose_exponents(choice, source, rounding == kModeUp, finite);
  }
  if (rounding == kModeUp) return nullptr;
  choice.set_aux(static_cast<uint8_t>(rounding | (relu ? kRelu : 0) | (finite ? kSatFinite : 0)));
  if (source == Type::f32) return choose_from_singles(choice, result, rounding, relu, finite);
  if (rounding != kNearestEven) return nullptr;
  if (source == Type::f16x2) {
    choice.source(Type::b32);
    if (!finite) return nullptr;
    return result == Type::e4m3x2 ? halves_to_narrow<E4m3> : result == Type::e5m2x2 ? halves_to_narrow<E5m2> : nullptr;
  }
  if (finite) return nullptr;
  choice.source(register_of(source));
  if (result == Type::bf16x2) return source == Type::ue8m0x2 && !relu ? exponents_to_bfloats : nullptr;
  return result == Type::f16x2 ? of_format<ToHalves>(source) : nullptr;
}

constexpr TypeSet kPairs = types(Type::f16x2, Type::bf16x2, Type::e4m3x2, Type::e5m2x2, Type::e2m1x2, Type::e2m3x2,
                                 Type::e3m2x2, Type::ue8m0x2);

constexpr OpcodeRow kRows[] = {
    {"cvt", kPairs, choose_cvt, "9.7.9.21"},
};

}  // namespace
VGPU_SOFT_ROWS(convert_packed, kRows)
}  // namespace vgpu::soft::VGPU_ISA
