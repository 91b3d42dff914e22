// SPDX-License-Identifier: Apache-2.0
// min, max, abs, neg of integers, and add, min, max of packed 16-bit ones (PTX ISA 9.7.1.1, 9.7.1.10 to 9.7.1.13).
#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

template <class T>
struct Minimum {
  VGPU_INLINE static T apply(T a, T b) { return a < b ? a : b; }
};
template <class T>
struct Maximum {
  VGPU_INLINE static T apply(T a, T b) { return a < b ? b : a; }
};
template <class T>
struct Add {
  VGPU_INLINE static T apply(T a, T b) { return static_cast<T>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b)); }
};
template <class T>
struct Negate {
  VGPU_INLINE static T apply(T a) { return static_cast<T>(0 - static_cast<uint64_t>(a)); }
};
template <class T>
struct Absolute {
  VGPU_INLINE static T apply(T a) { return a < 0 ? Negate<T>::apply(a) : a; }
};

// .relu clamps negative results to zero.
template <class Op, class T>
struct Rectified {
  VGPU_INLINE static T apply(T a, T b) {
    const T result = Op::apply(a, b);
    return result < 0 ? T{0} : result;
  }
};

// A 32-bit register is two 16-bit elements, so its row is a row of twice as many; only the mask needs the pairing.
template <class Op, class T>
struct Pair {
  VGPU_INLINE static uint32_t apply(uint32_t a, uint32_t b) {
    const auto low = static_cast<uint16_t>(Op::apply(static_cast<T>(a), static_cast<T>(b)));
    const auto high = static_cast<uint16_t>(Op::apply(static_cast<T>(a >> 16), static_cast<T>(b >> 16)));
    return low | uint32_t{high} << 16;
  }
};
template <class Op, class T>
constexpr Handler kPairs = binary<Pair<Op, T>, uint32_t, uint32_t>;

void declare(Choice& choice, Type type) {
  choice.result(type);
  choice.source(type);
  choice.source(type);
}

template <template <class> class Op>
Handler choose_order(Choice& choice) {
  const bool rectify = choice.take("relu");
  const Type type = choice.take_type();
  declare(choice, type);
  if (type == Type::u16x2) return rectify ? nullptr : kPairs<Op<uint16_t>, uint16_t>;
  if (type == Type::s16x2)
    return rectify ? kPairs<Rectified<Op<int16_t>, int16_t>, int16_t> : kPairs<Op<int16_t>, int16_t>;
  if (rectify) return type == Type::s32 ? Handler{binary<Rectified<Op<int32_t>, int32_t>, int32_t, int32_t>} : nullptr;
  return integer_binary<Op>(type);
}

Handler choose_packed_add(Choice& choice) {
  const Type type = choice.take_type();
  declare(choice, type);
  return kPairs<Add<uint16_t>, uint16_t>;
}

template <template <class> class Op>
Handler choose_unary(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  switch (type) {
    case Type::s16: return unary<Op<int16_t>, int16_t, int16_t>;
    case Type::s32: return unary<Op<int32_t>, int32_t, int32_t>;
    case Type::s64: return unary<Op<int64_t>, int64_t, int64_t>;
    default: return nullptr;
  }
}

constexpr TypeSet kPacked = types(Type::u16x2, Type::s16x2);
constexpr TypeSet kSigned = types(Type::s16, Type::s32, Type::s64);

constexpr OpcodeRow kRows[] = {
    {"add", kPacked, choose_packed_add, "9.7.1.1"},
    {"abs", kSigned, choose_unary<Absolute>, "9.7.1.10"},
    {"neg", kSigned, choose_unary<Negate>, "9.7.1.11"},
    {"min", kIntegers16To64 | kPacked, choose_order<Minimum>, "9.7.1.12"},
    {"max", kIntegers16To64 | kPacked, choose_order<Maximum>, "9.7.1.13"},
};

}  // namespace
VGPU_SOFT_ROWS(integer_order, kRows)
}  // namespace vgpu::soft::VGPU_ISA
