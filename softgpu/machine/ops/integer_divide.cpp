// SPDX-License-Identifier: Apache-2.0
// div and rem of integers (PTX ISA 9.7.1.8, 9.7.1.9). Dividing by zero gives all ones, quotient and remainder, as
// NVIDIA hardware does; the PTX ISA leaves it open.
#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// 32-bit and narrower: a double holds both operands, and the rounded quotient cannot reach the next integer, so cutting
// it off is exact. The loop vectorises, which an integer division would not.
template <class T>
struct Quotient {
  VGPU_INLINE static T apply(T a, T b) {
    const double quotient = static_cast<double>(a) / static_cast<double>(b == 0 ? T{1} : b);
    return b == 0 ? static_cast<T>(-1) : static_cast<T>(static_cast<int64_t>(quotient));
  }
};

// The smallest number divided by -1 is itself, the wrapped result.
template <class T>
VGPU_INLINE T divide(T a, T b) {
  if (b == 0) return static_cast<T>(-1);
  if (static_cast<T>(-1) < 0 && b == static_cast<T>(-1)) return static_cast<T>(0 - static_cast<uint64_t>(a));
  return static_cast<T>(a / b);
}
template <>
struct Quotient<uint64_t> {
  VGPU_INLINE static uint64_t apply(uint64_t a, uint64_t b) { return divide(a, b); }
};
template <>
struct Quotient<int64_t> {
  VGPU_INLINE static int64_t apply(int64_t a, int64_t b) { return divide(a, b); }
};

template <class T>
struct Remainder {
  VGPU_INLINE static T apply(T a, T b) {
    const auto quotient = static_cast<uint64_t>(Quotient<T>::apply(a, b));
    return b == 0 ? static_cast<T>(-1) : static_cast<T>(static_cast<uint64_t>(a) - quotient * static_cast<uint64_t>(b));
  }
};

template <template <class> class Op>
Handler choose(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(type);
  return integer_binary<Op>(type);
}

constexpr OpcodeRow kRows[] = {
    {"div", kIntegers16To64, choose<Quotient>, "9.7.1.8"},
    {"rem", kIntegers16To64, choose<Remainder>, "9.7.1.9"},
};

}  // namespace
VGPU_SOFT_ROWS(integer_divide, kRows)
}  // namespace vgpu::soft::VGPU_ISA
