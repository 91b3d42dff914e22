// SPDX-License-Identifier: Apache-2.0
// cvt between integers, from integers to floating point and back (PTX ISA 9.7.9.21), and cvt.pack (9.7.9.22). A result
// narrower than its register is extended by the lowering (9.4.1).
#include <limits>

#include "softgpu/machine/ops/round.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// Calls with(T{}) for the C++ type of an integer type.
template <class With>
VGPU_INLINE Handler by_integer(Type type, With with) {
  switch (type) {
    case Type::u8: return with(uint8_t{});
    case Type::s8: return with(int8_t{});
    case Type::u16: return with(uint16_t{});
    case Type::s16: return with(int16_t{});
    case Type::u32: return with(uint32_t{});
    case Type::s32: return with(int32_t{});
    case Type::u64: return with(uint64_t{});
    case Type::s64: return with(int64_t{});
    default: return nullptr;
  }
}

template <class T>
inline constexpr T kMinimum = std::is_signed_v<T> ? static_cast<T>(std::make_unsigned_t<T>{1} << (sizeof(T) * 8 - 1))
                                                  : T{0};
template <class T>
inline constexpr T kMaximum = static_cast<T>(~kMinimum<T>);

template <class D, class S>
struct Cut {
  VGPU_INLINE static D apply(S a) { return static_cast<D>(a); }
};
template <class D, class S>
struct Clamp {
  VGPU_INLINE static D apply(S a) {
    if constexpr (std::is_signed_v<S>) {
      constexpr int64_t kLow = static_cast<int64_t>(kMinimum<D>);
      constexpr int64_t kHigh = sizeof(D) == 8 ? INT64_MAX : static_cast<int64_t>(kMaximum<D>);
      const int64_t value = a;
      return static_cast<D>(value < kLow ? kLow : value > kHigh ? kHigh : value);
    } else {
      constexpr uint64_t kHigh = static_cast<uint64_t>(kMaximum<D>);
      const uint64_t value = a;
      return static_cast<D>(value > kHigh ? kHigh : value);
    }
  }
};

// The low bits do not depend on the result's sign, so one handler serves both.
Handler integer_to_integer(Type result, Type source, bool saturating) {
  return by_integer(source, [=](auto s) {
    using S = decltype(s);
    return by_integer(result, [=](auto d) -> Handler {
      using D = decltype(d);
      if (saturating) return unary<Clamp<D, S>, D, S>;
      return unary<Cut<std::make_unsigned_t<D>, S>, std::make_unsigned_t<D>, S>;
    });
  });
}

// f32 and f64 round in the host's mode, which with_mode sets.
template <class F, class S>
void from_integer(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const S* a = warp.row<S>(instruction.operand[1]);
  for_lanes(mask, warp.row<F>(instruction.operand[0]), [=](unsigned i) { return static_cast<F>(a[i]); });
}

// An integer as a float rounded to odd. Above 2^40 the low bits only matter for being zero or not.
template <class S>
VGPU_INLINE float integer_to_odd(S a) {
  const bool negative = a < 0;
  uint64_t size = negative ? 0 - static_cast<uint64_t>(a) : static_cast<uint64_t>(a);
  const bool long_number = size >> 40 != 0;
  const uint64_t sticky = (size & 0xffffff) != 0 ? uint64_t{1} << 24 : 0;
  size = long_number ? (size & ~uint64_t{0xffffff}) | sticky : size;
  const double exact = static_cast<double>(static_cast<int64_t>(size >> 1)) * 2.0 + static_cast<double>(size & 1);
  return narrow_to_odd(negative ? -exact : exact);
}

// Rounding is in aux.
template <class Ops, class S>
void half_from_integer(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const S* a = warp.row<S>(instruction.operand[1]);
  const auto rounding = static_cast<Rounding>(instruction.aux);
  for_lanes(mask, warp.row<uint16_t>(instruction.operand[0]),
            [=](unsigned i) { return round_to(Ops{}, integer_to_odd(a[i]), rounding); });
}

// .sat: of all integers only 0 and 1 lie between 0 and 1. kOne: the bits of 1.
template <class D, D kOne, class S>
void saturated_from_integer(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const S* a = warp.row<S>(instruction.operand[1]);
  for_lanes(mask, warp.row<D>(instruction.operand[0]), [=](unsigned i) { return a[i] > 0 ? kOne : D{0}; });
}

Handler integer_to_saturated_float(Type result, Type source) {
  return by_integer(source, [&](auto s) -> Handler {
    using S = decltype(s);
    switch (result) {
      case Type::f32: return saturated_from_integer<uint32_t, 0x3f800000, S>;
      case Type::f64: return saturated_from_integer<uint64_t, 0x3ff0000000000000, S>;
      case Type::f16: return saturated_from_integer<uint16_t, 0x3c00, S>;
      default: return nullptr;
    }
  });
}

Handler integer_to_float(Choice& choice, Type result, Type source, Rounding rounding) {
  choice.set_aux(static_cast<uint8_t>(rounding));
  return by_integer(source, [&](auto s) -> Handler {
    using S = decltype(s);
    switch (result) {
      case Type::f32: return with_mode<from_integer<float, S>>(choice, rounding, false);
      case Type::f64: return with_mode<from_integer<double, S>>(choice, rounding, false);
      case Type::f16: return half_from_integer<HalfOps, S>;
      case Type::bf16: return half_from_integer<BfloatOps, S>;
      default: return nullptr;
    }
  });
}

// An integral floating-point value as an integer, clamped to D's range. NaN gives zero, or from f64 or to 64 bits the
// top bit alone (9.7.9.21). Out-of-range lanes convert a zero: the C++ conversion would be undefined.
template <class D, class F>
VGPU_INLINE D clamp_to(F value) {
  using Unsigned = std::make_unsigned_t<D>;
  constexpr bool kWide = sizeof(D) == 8 || sizeof(F) == 8;
  constexpr D kNan = kWide ? static_cast<D>(Unsigned{1} << (sizeof(D) * 8 - 1)) : D{0};
  // 2^31 or 2^63: where the signed conversion of the host ends.
  constexpr F kHalf = sizeof(D) == 8 ? F{0x1p63} : F{0x1p31};
  constexpr F kEnd = sizeof(D) == 8 ? (std::is_signed_v<D> ? F{0x1p63} : F{0x1p64})
                     : sizeof(D) == 4
                         ? (std::is_signed_v<D> ? F{0x1p31} : F{0x1p32})
                         : static_cast<F>(int32_t{kMaximum<std::conditional_t<sizeof(D) <= 2, D, int8_t>>} + 1);
  constexpr F kBegin = static_cast<F>(kMinimum<D>);
  using Host = std::conditional_t<sizeof(D) == 8, int64_t, int32_t>;
  const bool inside = value >= kBegin && value < kEnd;
  const F usable = inside ? value : F{0};
  Unsigned bits;
  if constexpr (std::is_unsigned_v<D> && sizeof(D) >= 4) {
    const bool upper = usable >= kHalf;
    const auto low = static_cast<Unsigned>(static_cast<Host>(upper ? usable - kHalf : usable));
    bits = upper ? low | Unsigned{1} << (sizeof(D) * 8 - 1) : low;
  } else {
    bits = static_cast<Unsigned>(static_cast<Host>(usable));
  }
  const D limited = value < kBegin ? kMinimum<D> : value >= kEnd ? kMaximum<D> : static_cast<D>(bits);
  return value == value ? limited : kNan;
}

struct FromHalf {
  using Element = uint16_t;
  using Value = float;
  VGPU_INLINE static float load(uint16_t a) { return half_to_float(a); }
};
struct FromBfloat {
  using Element = uint16_t;
  using Value = float;
  VGPU_INLINE static float load(uint16_t a) { return bfloat_to_float(a); }
};
struct FromSingle {
  using Element = float;
  using Value = float;
  VGPU_INLINE static float load(float a) { return a; }
};
struct FromFlushedSingle {
  using Element = float;
  using Value = float;
  VGPU_INLINE static float load(float a) { return as_float(Single::flush(as_bits(a))); }
};
struct FromDouble {
  using Element = double;
  using Value = double;
  VGPU_INLINE static double load(double a) { return a; }
};

template <class From, class D>
void to_integer(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const auto* a = warp.row<typename From::Element>(instruction.operand[1]);
  typename From::Value values[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) values[i] = From::load(a[i]);
  round_row(values, instruction.aux);
  for_lanes(mask, warp.row<D>(instruction.operand[0]), [&](unsigned i) { return clamp_to<D>(values[i]); });
}

// Always clamps, so .sat changes nothing.
Handler float_to_integer(Choice& choice, Type result, Type source, int rounding, bool flush) {
  choice.set_aux(static_cast<uint8_t>(rounding));
  return by_integer(result, [=](auto d) -> Handler {
    using D = decltype(d);
    switch (source) {
      case Type::f16: return flush ? nullptr : to_integer<FromHalf, D>;
      case Type::bf16: return flush ? nullptr : to_integer<FromBfloat, D>;
      case Type::f32: return flush ? to_integer<FromFlushedSingle, D> : to_integer<FromSingle, D>;
      case Type::f64: return flush ? nullptr : to_integer<FromDouble, D>;
      default: return nullptr;
    }
  });
}

constexpr TypeSet kAllIntegers = kIntegers16To64 | types(Type::u8, Type::s8);
constexpr TypeSet kFloatTypes = kFloats | types(Type::f16, Type::bf16);

// cvt{.irnd|.frnd}{.ftz}{.sat}.dtype.atype d, a; with an integer on at least one side.
Handler choose_cvt(Choice& choice) {
  static constexpr const char* kFloatModes[] = {"rn", "rz", "rm", "rp"};
  const int integer_rounding = take_integer_rounding(choice);
  const int float_rounding = choice.take_one(kFloatModes);
  const bool flush = choice.take("ftz"), saturating = choice.take("sat");
  const Type result = choice.take_type(), source = choice.take_type();
  choice.result_relaxed(result);
  choice.source_relaxed(source);
  const bool to_int = contains(kAllIntegers, result), from_int = contains(kAllIntegers, source);
  if (to_int && from_int)
    return integer_rounding >= 0 || float_rounding >= 0 || flush ? nullptr
                                                                 : integer_to_integer(result, source, saturating);
  if (to_int && contains(kFloatTypes, source))
    return integer_rounding < 0 || float_rounding >= 0
               ? nullptr
               : float_to_integer(choice, result, source, integer_rounding, flush);
  // No integer becomes a subnormal number, so .ftz changes nothing.
  if (!from_int || float_rounding < 0 || integer_rounding >= 0 || (flush && result != Type::f32)) return nullptr;
  if (saturating) return integer_to_saturated_float(result, source);
  return integer_to_float(choice, result, source, static_cast<Rounding>(float_rounding));
}

// cvt.pack.sat.dtype.s32 d, a, b: 16-bit halves, a above b; with .b32 and c: 8, 4 or 2 bits each, a above b below what
// fits of c.
template <bool is_signed, unsigned bits>
struct PackTwo {
  VGPU_INLINE static uint32_t apply(int32_t a, int32_t b) {
    constexpr int32_t kLeast = is_signed ? -(1 << (bits - 1)) : 0;
    constexpr int32_t kMost = is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
    const auto cut = [](int32_t x) {
      const int32_t limited = x < kLeast ? kLeast : x > kMost ? kMost : x;
      return static_cast<uint32_t>(limited) & ((1u << bits) - 1);
    };
    return cut(a) << bits | cut(b);
  }
};
template <bool is_signed, unsigned bits>
struct PackThree {
  VGPU_INLINE static uint32_t apply(int32_t a, int32_t b, uint32_t c) {
    return c << (2 * bits) | PackTwo<is_signed, bits>::apply(a, b);
  }
};
template <bool is_signed, unsigned bits>
Handler pack(bool third) {
  if constexpr (bits == 16) return third ? nullptr : binary<PackTwo<is_signed, bits>, uint32_t, int32_t>;
  else return third ? ternary<PackThree<is_signed, bits>, uint32_t, int32_t, int32_t, uint32_t> : nullptr;
}

Handler choose_pack(Choice& choice) {
  if (!choice.take("pack") || !choice.take("sat")) return nullptr;
  const Type result = choice.take_type();
  if (choice.take_type() != Type::s32) return nullptr;
  const bool third = choice.take_type() == Type::b32;
  choice.result(Type::b32);
  choice.source(Type::s32);
  choice.source(Type::s32);
  if (third) choice.source(Type::b32);
  switch (result) {
    case Type::u16: return pack<false, 16>(third);
    case Type::s16: return pack<true, 16>(third);
    case Type::u8: return pack<false, 8>(third);
    case Type::s8: return pack<true, 8>(third);
    case Type::u4: return pack<false, 4>(third);
    case Type::s4: return pack<true, 4>(third);
    case Type::u2: return pack<false, 2>(third);
    case Type::s2: return pack<true, 2>(third);
    default: return nullptr;
  }
}

constexpr OpcodeRow kRows[] = {
    {"cvt", kAllIntegers | types(Type::u4, Type::s4, Type::u2, Type::s2), choose_pack, "9.7.9.22"},
    {"cvt", kAllIntegers | kFloatTypes, choose_cvt, "9.7.9.21"},
};

}  // namespace
VGPU_SOFT_ROWS(convert_integer, kRows)
}  // namespace vgpu::soft::VGPU_ISA
