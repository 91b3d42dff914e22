// SPDX-License-Identifier: Apache-2.0
// The operations of atom, red and the asynchronous reductions (PTX ISA 9.7.13.6, 9.7.13.7), and how one value in memory
// is changed by one. Blocks run in parallel, so it is the host's atomic operations that do it. Included by classes of
// ops/ only.
#pragma once

#include <type_traits>

#include "softgpu/machine/ops/float_extreme.h"
#include "softgpu/machine/ops/half.h"
#include "softgpu/machine/ops/memory_access.h"

namespace vgpu::soft::VGPU_ISA {

// What comes of `old` in memory with operands b and c. T is the type in memory.
template <class T>
struct Add {
  static T apply(T old, T b, T) { return static_cast<T>(old + b); }
};
template <class T>
struct And {
  static T apply(T old, T b, T) { return static_cast<T>(old & b); }
};
template <class T>
struct Or {
  static T apply(T old, T b, T) { return static_cast<T>(old | b); }
};
template <class T>
struct Xor {
  static T apply(T old, T b, T) { return static_cast<T>(old ^ b); }
};
template <class T>
struct Exchange {
  static T apply(T, T b, T) { return b; }
};
template <class T>
struct CompareAndSwap {
  static T apply(T old, T b, T c) { return old == b ? c : old; }
};
template <class T>
struct Min {
  static T apply(T old, T b, T) { return b < old ? b : old; }
};
template <class T>
struct Max {
  static T apply(T old, T b, T) { return old < b ? b : old; }
};
struct Increment {
  static uint32_t apply(uint32_t old, uint32_t b, uint32_t) { return old >= b ? 0 : old + 1; }
};
struct Decrement {
  static uint32_t apply(uint32_t old, uint32_t b, uint32_t) { return old == 0 || old > b ? b : old - 1; }
};

// Global f32 flushes subnormals, shared does not.
VGPU_INLINE float flush(float value) {
  const uint32_t bits = as_bits(value);
  return (bits & 0x7f800000u) == 0 ? as_float(bits & 0x80000000u) : value;
}
struct AddFloatFlush {
  static uint32_t apply(uint32_t old, uint32_t b, uint32_t) {
    return as_bits(flush(flush(as_float(old)) + flush(as_float(b))));
  }
};
struct AddFloat {
  static uint32_t apply(uint32_t old, uint32_t b, uint32_t) { return as_bits(as_float(old) + as_float(b)); }
};
struct AddDouble {
  static uint64_t apply(uint64_t old, uint64_t b, uint64_t) { return as_bits(as_double(old) + as_double(b)); }
};
// The f32 sum of two halves, rounded again, is the sum rounded once: f32 has more than twice the bits and two more.
template <class Ops>
struct AddHalf {
  static uint16_t apply(uint16_t old, uint16_t b, uint16_t) { return Ops::narrow(Ops::widen(old) + Ops::widen(b)); }
};
template <class Ops>
struct AddHalfPair {
  static uint32_t apply(uint32_t old, uint32_t b, uint32_t) {
    const uint32_t low = AddHalf<Ops>::apply(static_cast<uint16_t>(old), static_cast<uint16_t>(b), 0);
    const uint32_t high = AddHalf<Ops>::apply(static_cast<uint16_t>(old >> 16), static_cast<uint16_t>(b >> 16), 0);
    return low | high << 16;
  }
};
template <class Format, bool maximum>
struct ExtremeHalf {
  static uint16_t apply(uint16_t old, uint16_t b, uint16_t) { return pick<Format, maximum, false>(old, b); }
};
template <class Format, bool maximum>
struct ExtremeHalfPair {
  static uint32_t apply(uint32_t old, uint32_t b, uint32_t) {
    const uint32_t low = pick<Format, maximum, false>(static_cast<uint16_t>(old), static_cast<uint16_t>(b));
    const uint32_t high =
        pick<Format, maximum, false>(static_cast<uint16_t>(old >> 16), static_cast<uint16_t>(b >> 16));
    return low | high << 16;
  }
};

// One change of *pointer; returns what was there.
template <class Op, class T>
VGPU_INLINE T change(T* pointer, T b, T c) {
  if constexpr (std::is_same_v<Op, Add<T>> && std::is_unsigned_v<T>) {
    return __atomic_fetch_add(pointer, b, __ATOMIC_SEQ_CST);
  } else if constexpr (std::is_same_v<Op, Exchange<T>>) {
    return __atomic_exchange_n(pointer, b, __ATOMIC_SEQ_CST);
  } else if constexpr (std::is_same_v<Op, CompareAndSwap<T>>) {
    __atomic_compare_exchange_n(pointer, &b, c, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return b;
  } else {
    T old = __atomic_load_n(pointer, __ATOMIC_SEQ_CST);
    while (
        !__atomic_compare_exchange_n(pointer, &old, Op::apply(old, b, c), true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    return old;
  }
}

}  // namespace vgpu::soft::VGPU_ISA
