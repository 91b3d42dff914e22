// SPDX-License-Identifier: Apache-2.0
// cvt of two values at once: to f16x2, bf16x2 and the 8-bit formats e4m3 and e5m2, and back (PTX ISA 9.7.9.21). The
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

// Eight-bit formats. e4m3 has no infinity and one NaN (all ones), e5m2 is like a shorter f16.
struct E4m3 {
  static constexpr int kFraction = 3, kBias = 7;
  static constexpr uint32_t kLargest = 0x7e, kNan = 0x7f;
};
struct E5m2 {
  static constexpr int kFraction = 2, kBias = 15;
  static constexpr uint32_t kLargest = 0x7b, kNan = 0x7f;
};

// To nearest even, limited to the largest finite number (.satfinite is required). The arithmetic is float_to_half's.
template <class F>
VGPU_INLINE uint32_t to_byte(float value, uint8_t aux) {
  constexpr uint32_t kShift = 23 - F::kFraction;
  constexpr uint32_t kRebias = static_cast<uint32_t>(127 - F::kBias) << 23;
  constexpr uint32_t kSmallestNormal = kRebias + (1u << 23);
  // One whose last place is the last place of a subnormal.
  constexpr uint32_t kAnchor = kSmallestNormal + (kShift << 23);
  const uint32_t bits = as_bits(value), m = bits & Single::kMagnitude;
  const uint32_t sign = bits >> 24 & 0x80u;
  const uint32_t small = as_bits(as_float(m) + as_float(kAnchor)) - kAnchor;
  const uint32_t normal = (m + ((1u << (kShift - 1)) - 1) + (m >> kShift & 1u) - kRebias) >> kShift;
  const uint32_t finite = m < kSmallestNormal ? small : normal;
  const uint32_t limited = m >= 0x48000000u || finite > F::kLargest ? F::kLargest : finite;
  const uint32_t rectified = (aux & kRelu) != 0 && sign != 0 ? 0u : sign | limited;
  return m > Single::kInfinity ? F::kNan : rectified;
}

template <class F>
void pair_to_bytes(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const float* a = warp.row<float>(instruction.operand[1]);
  const float* b = warp.row<float>(instruction.operand[2]);
  const uint8_t aux = instruction.aux;
  for_lanes(mask, warp.row<uint16_t>(instruction.operand[0]),
            [=](unsigned i) { return static_cast<uint16_t>(to_byte<F>(a[i], aux) << 8 | to_byte<F>(b[i], aux)); });
}

template <class F>
void halves_to_bytes(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint32_t* a = warp.row<uint32_t>(instruction.operand[1]);
  const uint8_t aux = instruction.aux;
  for_lanes(mask, warp.row<uint16_t>(instruction.operand[0]), [=](unsigned i) {
    const float low = half_to_float(static_cast<uint16_t>(a[i])),
                high = half_to_float(static_cast<uint16_t>(a[i] >> 16));
    return static_cast<uint16_t>(to_byte<F>(high, aux) << 8 | to_byte<F>(low, aux));
  });
}

// An e5m2 is the upper byte of an f16. An e4m3 has the same digits with another bias; its subnormals are normal f16.
VGPU_INLINE uint32_t from_byte(uint32_t a, E5m2) {
  const uint32_t bits = a << 8;
  return Half::is_nan(static_cast<uint16_t>(bits)) ? uint32_t{Half::kNan} : bits;
}
VGPU_INLINE uint32_t from_byte(uint32_t a, E4m3) {
  const uint32_t m = a & 0x7f;
  const uint32_t small = as_bits(static_cast<float>(static_cast<int32_t>(m)) * 0x1p-9f);  // exact as f16 too
  const uint32_t small_half = (small - (112u << 23)) >> 13;
  const uint32_t finite = m == 0 ? 0 : m < 8 ? small_half : (m << 7) + (8u << 10);
  return m == 0x7f ? uint32_t{Half::kNan} : (a & 0x80) << 8 | finite;
}

template <class F>
void bytes_to_halves(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint16_t* a = warp.row<uint16_t>(instruction.operand[1]);
  const uint8_t aux = instruction.aux;
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]), [=](unsigned i) {
    uint32_t low = from_byte(a[i] & 0xffu, F{}), high = from_byte(uint32_t{a[i]} >> 8, F{});
    if ((aux & kRelu) != 0) {
      low = rectify<Half>(static_cast<uint16_t>(low));
      high = rectify<Half>(static_cast<uint16_t>(high));
    }
    return high << 16 | low;
  });
}

bool is_bytes(Type type) { return type == Type::e4m3x2 || type == Type::e5m2x2; }

// cvt.frnd{.relu}{.satfinite}.{f16x2,bf16x2,e4m3x2,e5m2x2}.f32 d, a, b;
Handler choose_from_singles(Choice& choice, Type result, int rounding, bool relu, bool finite) {
  choice.source(Type::f32);
  choice.source(Type::f32);
  const bool plain = rounding == kNearestEven && !relu && !finite;
  if (result == Type::f16x2) return pair_to<HalfOps>(plain);
  if (result == Type::bf16x2) return pair_to<BfloatOps>(plain);
  if (rounding != kNearestEven || !finite) return nullptr;
  return result == Type::e4m3x2 ? pair_to_bytes<E4m3> : pair_to_bytes<E5m2>;
}

Handler choose_cvt(Choice& choice) {
  static constexpr const char* kModes[] = {"rn", "rz"};
  const int rounding = choice.take_one(kModes);
  const bool relu = choice.take("relu"), finite = choice.take("satfinite");
  const Type result = choice.take_type(), source = choice.take_type();
  if (rounding < 0) return nullptr;
  choice.set_aux(static_cast<uint8_t>(rounding | (relu ? kRelu : 0) | (finite ? kSatFinite : 0)));
  choice.result(is_bytes(result) ? Type::b16 : Type::b32);
  if (source == Type::f32) return choose_from_singles(choice, result, rounding, relu, finite);
  if (rounding != kNearestEven) return nullptr;
  if (source == Type::f16x2 && is_bytes(result)) {
    choice.source(Type::b32);
    if (!finite) return nullptr;
    return result == Type::e4m3x2 ? halves_to_bytes<E4m3> : halves_to_bytes<E5m2>;
  }
  if (result != Type::f16x2 || !is_bytes(source) || finite) return nullptr;
  choice.source(Type::b16);
  return source == Type::e4m3x2 ? bytes_to_halves<E4m3> : bytes_to_halves<E5m2>;
}

constexpr OpcodeRow kRows[] = {
    {"cvt", types(Type::f16x2, Type::bf16x2, Type::e4m3x2, Type::e5m2x2), choose_cvt, "9.7.9.21"},
};

}  // namespace
VGPU_SOFT_ROWS(convert_packed, kRows)
}  // namespace vgpu::soft::VGPU_ISA
