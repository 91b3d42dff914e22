// SPDX-License-Identifier: Apache-2.0
// Helpers to write instruction classes with: loops over lanes, and the shapes most instructions have. Only files in
// ops/ include this; they are compiled once per instruction set of the host (VGPU_ISA names it), hence the namespace.
#pragma once

#include <cstdint>
#include <type_traits>

#include "softgpu/machine/opcodes.h"
#include "softgpu/machine/warp.h"

#ifdef __clang__
// A loop that clang cannot vectorise is slower, not wrong.
#pragma clang diagnostic ignored "-Wpass-failed"
#define VGPU_LANE_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define VGPU_LANE_LOOP _Pragma("GCC ivdep")
#endif

namespace vgpu::soft::VGPU_ISA {

// destination[i] = value(i) for the lanes in `mask`. `value` runs for all 32 lanes, whatever the mask, so it must be
// safe on any bits (no trapping division, no table index from a register). A destination may be the same row as a
// source.
template <class T, class F>
VGPU_INLINE void for_lanes(LaneMask mask, T* destination, F value) {
  if (mask == kAllLanes) {
    VGPU_LANE_LOOP
    for (unsigned i = 0; i < kLanes; ++i) destination[i] = value(i);
  } else {
    VGPU_LANE_LOOP
    for (unsigned i = 0; i < kLanes; ++i) {
      const T result = value(i);
      destination[i] = (mask >> i & 1u) != 0 ? result : destination[i];
    }
  }
}

// action(i) for each lane in `mask`, in ascending order, one after the other: for what does not vectorise.
template <class F>
VGPU_INLINE void for_each_lane(LaneMask mask, F action) {
  while (mask != 0) {
    action(static_cast<unsigned>(__builtin_ctz(mask)));
    mask &= mask - 1;
  }
}

// The lanes for which test(i) holds. `test` runs for all 32 lanes.
template <class F>
VGPU_INLINE LaneMask lanes_where(F test) {
  LaneMask result = 0;
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kLanes; ++i) result |= test(i) ? LaneMask{1} << i : 0u;
  return result;
}

// Handlers of the usual shapes. Op is a stateless type of the class file with `static R apply(A a, ...)`; R, A, B, C
// are the element types of the rows (a half is a uint16_t).
template <class Op, class R, class A>
void unary(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const A* a = warp.row<A>(instruction.operand[1]);
  for_lanes(mask, warp.row<R>(instruction.operand[0]), [=](unsigned i) { return Op::apply(a[i]); });
}

template <class Op, class R, class A, class B = A>
void binary(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const A* a = warp.row<A>(instruction.operand[1]);
  const B* b = warp.row<B>(instruction.operand[2]);
  for_lanes(mask, warp.row<R>(instruction.operand[0]), [=](unsigned i) { return Op::apply(a[i], b[i]); });
}

template <class Op, class R, class A, class B = A, class C = A>
void ternary(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const A* a = warp.row<A>(instruction.operand[1]);
  const B* b = warp.row<B>(instruction.operand[2]);
  const C* c = warp.row<C>(instruction.operand[3]);
  for_lanes(mask, warp.row<R>(instruction.operand[0]), [=](unsigned i) { return Op::apply(a[i], b[i], c[i]); });
}

// binary<Op<T>, T, T> for the integer type of 16 to 64 bits that `type` names; b types count as unsigned.
template <template <class> class Op>
Handler integer_binary(Type type) {
  switch (type) {
    case Type::u16:
    case Type::b16: return binary<Op<uint16_t>, uint16_t, uint16_t>;
    case Type::s16: return binary<Op<int16_t>, int16_t, int16_t>;
    case Type::u32:
    case Type::b32: return binary<Op<uint32_t>, uint32_t, uint32_t>;
    case Type::s32: return binary<Op<int32_t>, int32_t, int32_t>;
    case Type::u64:
    case Type::b64: return binary<Op<uint64_t>, uint64_t, uint64_t>;
    case Type::s64: return binary<Op<int64_t>, int64_t, int64_t>;
    default: return nullptr;
  }
}

}  // namespace vgpu::soft::VGPU_ISA
