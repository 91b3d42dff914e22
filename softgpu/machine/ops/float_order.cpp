// SPDX-License-Identifier: Apache-2.0
// min, max, abs, neg, copysign, testp of all floating-point formats (PTX ISA 9.7.3.1, 9.7.3.2, 9.7.3.9 to 9.7.3.12,
// 9.7.4.5 to 9.7.4.8). All work on the bits: a sign-magnitude number becomes an integer of the same order.
#include "softgpu/machine/ops/float_extreme.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// .xorsign.abs: the magnitudes are compared, the sign is the product's.
template <class F, bool maximum, bool propagate, bool xorsign>
struct Extreme {
  using Bits = typename F::Bits;
  VGPU_INLINE static Bits apply(Bits a, Bits b) {
    if constexpr (!xorsign) return pick<F, maximum, propagate>(a, b);
    const Bits value = pick<F, maximum, propagate>(a & F::kMagnitude, b & F::kMagnitude);
    return F::is_nan(value) ? value : static_cast<Bits>(value | ((a ^ b) & F::kSign));
  }
};

template <class F, class Op>
struct FlushedOperands {
  using Bits = typename F::Bits;
  VGPU_INLINE static Bits apply(Bits a, Bits b) { return Op::apply(F::flush(a), F::flush(b)); }
};

template <class F>
struct Absolute {
  using Bits = typename F::Bits;
  VGPU_INLINE static Bits apply(Bits a) {
    return F::is_nan(a) ? nan_result<F>(a) : static_cast<Bits>(a & F::kMagnitude);
  }
};
template <class F>
struct Negate {
  using Bits = typename F::Bits;
  VGPU_INLINE static Bits apply(Bits a) { return F::is_nan(a) ? nan_result<F>(a) : static_cast<Bits>(a ^ F::kSign); }
};
template <class F, class Op>
struct FlushedOperand {
  using Bits = typename F::Bits;
  VGPU_INLINE static Bits apply(Bits a) { return Op::apply(F::flush(a)); }
};

// An operation on both halves of a packed register.
template <class Op>
struct Both {
  template <class... Ts>
  VGPU_INLINE static uint32_t apply(Ts... operands) {
    const uint32_t low = Op::apply(static_cast<uint16_t>(operands)...);
    return low | static_cast<uint32_t>(Op::apply(static_cast<uint16_t>(operands >> 16)...)) << 16;
  }
};

struct Form {
  Type type;
  bool flush;
};

// Calls with(F{}, packed) for the format of a type; packed is a compile-time constant.
template <class With>
VGPU_INLINE Handler by_format(Type type, With with) {
  switch (type) {
    case Type::f16: return with(Half{}, std::false_type{});
    case Type::f16x2: return with(Half{}, std::true_type{});
    case Type::bf16: return with(Bfloat{}, std::false_type{});
    case Type::bf16x2: return with(Bfloat{}, std::true_type{});
    case Type::f32: return with(Single{}, std::false_type{});
    case Type::f64: return with(Double{}, std::false_type{});
    default: return nullptr;
  }
}

template <class Op, class F, bool packed>
Handler binary_of() {
  if constexpr (packed) return binary<Both<Op>, uint32_t, uint32_t>;
  else return binary<Op, typename F::Bits, typename F::Bits>;
}
template <class Op, class F, bool packed>
Handler unary_of() {
  if constexpr (packed) return unary<Both<Op>, uint32_t, uint32_t>;
  else return unary<Op, typename F::Bits, typename F::Bits>;
}

template <class F, bool packed, class Op>
Handler flushed_or_not(bool flush) {
  constexpr bool kCanFlush = std::is_same_v<F, Half> || std::is_same_v<F, Single>;
  if (!flush) return binary_of<Op, F, packed>();
  if constexpr (kCanFlush) return binary_of<FlushedOperands<F, Op>, F, packed>();
  else return nullptr;
}

template <bool maximum>
Handler choose_extreme(Choice& choice) {
  const bool flush = choice.take("ftz"), propagate = choice.take("NaN"), xorsign = choice.take("xorsign");
  if (xorsign && !choice.take("abs")) return nullptr;
  const Type type = choice.take_type();
  declare(choice, type, 2);
  if (type == Type::f64 && (propagate || xorsign)) return nullptr;
  return by_format(type, [=](auto format, auto packed) {
    using F = decltype(format);
    constexpr bool kPacked = decltype(packed)::value;
    if (xorsign)
      return propagate ? flushed_or_not<F, kPacked, Extreme<F, maximum, true, true>>(flush)
                       : flushed_or_not<F, kPacked, Extreme<F, maximum, false, true>>(flush);
    return propagate ? flushed_or_not<F, kPacked, Extreme<F, maximum, true, false>>(flush)
                     : flushed_or_not<F, kPacked, Extreme<F, maximum, false, false>>(flush);
  });
}

// The extreme of three, perhaps of their magnitudes.
template <bool maximum, bool propagate, bool magnitudes, bool flush>
struct ExtremeOfThree {
  VGPU_INLINE static uint32_t prepared(uint32_t a) {
    const uint32_t value = flush ? Single::flush(a) : a;
    return magnitudes ? value & Single::kMagnitude : value;
  }
  VGPU_INLINE static uint32_t apply(uint32_t a, uint32_t b, uint32_t c) {
    const uint32_t first = pick<Single, maximum, propagate>(prepared(a), prepared(b));
    return pick<Single, maximum, propagate>(first, prepared(c));
  }
};

template <bool maximum, bool propagate>
Handler pick_of_three(bool magnitudes, bool flush) {
  if (magnitudes)
    return flush ? ternary<ExtremeOfThree<maximum, propagate, true, true>, uint32_t, uint32_t>
                 : ternary<ExtremeOfThree<maximum, propagate, true, false>, uint32_t, uint32_t>;
  return flush ? ternary<ExtremeOfThree<maximum, propagate, false, true>, uint32_t, uint32_t>
               : ternary<ExtremeOfThree<maximum, propagate, false, false>, uint32_t, uint32_t>;
}

// min{.ftz}{.NaN}{.abs}.f32 d, a, b, c; from sm_100 on.
template <bool maximum>
Handler choose_extreme_of_three(Choice& choice) {
  const bool flush = choice.take("ftz"), propagate = choice.take("NaN"), magnitudes = choice.take("abs");
  declare(choice, choice.take_type(), 3);
  return propagate ? pick_of_three<maximum, true>(magnitudes, flush) : pick_of_three<maximum, false>(magnitudes, flush);
}

template <template <class> class Op>
Handler choose_sign(Choice& choice) {
  const bool flush = choice.take("ftz");
  const Type type = choice.take_type();
  declare(choice, type, 1);
  return by_format(type, [=](auto format, auto packed) -> Handler {
    using F = decltype(format);
    constexpr bool kPacked = decltype(packed)::value;
    constexpr bool kCanFlush = std::is_same_v<F, Half> || std::is_same_v<F, Single>;
    if (!flush) return unary_of<Op<F>, F, kPacked>();
    if constexpr (kCanFlush) return unary_of<FlushedOperand<F, Op<F>>, F, kPacked>();
    else return nullptr;
  });
}

// The sign of a, the magnitude of b, whatever they are.
template <class F>
struct CopySign {
  using Bits = typename F::Bits;
  VGPU_INLINE static Bits apply(Bits a, Bits b) { return static_cast<Bits>((a & F::kSign) | (b & F::kMagnitude)); }
};

Handler choose_copysign(Choice& choice) {
  const Type type = choice.take_type();
  declare(choice, type, 2);
  return type == Type::f32 ? Handler{binary<CopySign<Single>, uint32_t, uint32_t>}
                           : binary<CopySign<Double>, uint64_t, uint64_t>;
}

enum class Property { finite, infinite, number, not_a_number, normal, subnormal };

// Zero counts as normal.
template <class F, Property property>
VGPU_INLINE bool has(typename F::Bits a) {
  const auto m = static_cast<typename F::Bits>(a & F::kMagnitude);
  const bool subnormal = m != 0 && (m & F::kInfinity) == 0;
  switch (property) {
    case Property::finite: return m < F::kInfinity;
    case Property::infinite: return m == F::kInfinity;
    case Property::number: return m <= F::kInfinity;
    case Property::not_a_number: return m > F::kInfinity;
    case Property::normal: return m < F::kInfinity && !subnormal;
    case Property::subnormal: return subnormal;
  }
  return false;
}

template <class F, Property property>
void testp(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const auto* a = warp.row<typename F::Bits>(instruction.operand[1]);
  warp.set_predicate(instruction.operand[0], lanes_where([=](unsigned i) { return has<F, property>(a[i]); }), mask);
}

template <class F>
Handler testp_of(int property) {
  static constexpr Handler kHandlers[] = {testp<F, Property::finite>, testp<F, Property::infinite>,
                                          testp<F, Property::number>, testp<F, Property::not_a_number>,
                                          testp<F, Property::normal>, testp<F, Property::subnormal>};
  return property < 0 ? nullptr : kHandlers[property];
}

Handler choose_testp(Choice& choice) {
  static constexpr const char* kProperties[] = {"finite", "infinite", "number", "notanumber", "normal", "subnormal"};
  const int property = choice.take_one(kProperties);
  const Type type = choice.take_type();
  choice.result(Type::pred);
  choice.source(type);
  return type == Type::f32 ? testp_of<Single>(property) : testp_of<Double>(property);
}

constexpr TypeSet kAllFloats = kFloats | kHalves;

constexpr OpcodeRow kRows[] = {
    {"testp", kFloats, choose_testp, "9.7.3.1"},
    {"copysign", kFloats, choose_copysign, "9.7.3.2"},
    {"abs", kAllFloats, choose_sign<Absolute>, "9.7.3.9"},
    {"neg", kAllFloats, choose_sign<Negate>, "9.7.3.10"},
    {"min", kAllFloats, choose_extreme<false>, "9.7.3.11"},
    {"max", kAllFloats, choose_extreme<true>, "9.7.3.12"},
    {"min", types(Type::f32), choose_extreme_of_three<false>, "9.7.3.11"},
    {"max", types(Type::f32), choose_extreme_of_three<true>, "9.7.3.12"},
};

}  // namespace
VGPU_SOFT_ROWS(float_order, kRows)
}  // namespace vgpu::soft::VGPU_ISA
