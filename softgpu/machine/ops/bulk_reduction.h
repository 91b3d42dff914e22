// SPDX-License-Identifier: Apache-2.0
// Which operations the asynchronous reductions have for which types (PTX ISA 9.7.9.25.4.2, 9.7.9.25.5.3). A Maker turns
// an operation and a type in memory into what its caller wants: `Maker::Made` made by `Maker::make<Op, T>()`; an empty
// one where there is no such reduction. Included by classes of ops/ only.
#pragma once

#include "softgpu/machine/ops/atomic_operations.h"

namespace vgpu::soft::VGPU_ISA {

inline constexpr const char* kBulkReductions[] = {"add", "min", "max", "inc", "dec", "and", "or", "xor"};

template <class Maker, template <class> class Op>
VGPU_INLINE typename Maker::Made pick_order(Type type, bool global) {
  switch (type) {
    case Type::u32: return Maker::template make<Op<uint32_t>, uint32_t>();
    case Type::s32: return Maker::template make<Op<int32_t>, int32_t>();
    case Type::u64: return global ? Maker::template make<Op<uint64_t>, uint64_t>() : nullptr;
    case Type::s64: return global ? Maker::template make<Op<int64_t>, int64_t>() : nullptr;
    default: return nullptr;
  }
}

template <class Maker, template <class> class Op>
VGPU_INLINE typename Maker::Made pick_bits(Type type, bool global) {
  if (type == Type::b32) return Maker::template make<Op<uint32_t>, uint32_t>();
  return type == Type::b64 && global ? Maker::template make<Op<uint64_t>, uint64_t>() : nullptr;
}

template <class Maker, bool maximum>
VGPU_INLINE typename Maker::Made pick_extreme(Type type, bool global) {
  if (type == Type::f16 && global) return Maker::template make<ExtremeHalf<Half, maximum>, uint16_t>();
  if (type == Type::bf16 && global) return Maker::template make<ExtremeHalf<Bfloat, maximum>, uint16_t>();
  return maximum ? pick_order<Maker, Max>(type, global) : pick_order<Maker, Min>(type, global);
}

template <class Maker>
VGPU_INLINE typename Maker::Made pick_add(Type type, bool global) {
  switch (type) {
    case Type::u32:
    case Type::s32: return Maker::template make<Add<uint32_t>, uint32_t>();
    case Type::u64: return Maker::template make<Add<uint64_t>, uint64_t>();
    case Type::f32: return global ? Maker::template make<AddFloatFlush, uint32_t>() : nullptr;
    case Type::f64: return global ? Maker::template make<AddDouble, uint64_t>() : nullptr;
    case Type::f16: return global ? Maker::template make<AddHalf<HalfOps>, uint16_t>() : nullptr;
    case Type::bf16: return global ? Maker::template make<AddHalf<BfloatOps>, uint16_t>() : nullptr;
    default: return nullptr;
  }
}

// `operation` is an index of kBulkReductions.
template <class Maker>
VGPU_INLINE typename Maker::Made pick_bulk_reduction(int operation, Type type, bool global) {
  switch (operation) {
    case 0: return pick_add<Maker>(type, global);
    case 1: return pick_extreme<Maker, false>(type, global);
    case 2: return pick_extreme<Maker, true>(type, global);
    case 3: return type == Type::u32 ? Maker::template make<Increment, uint32_t>() : nullptr;
    case 4: return type == Type::u32 ? Maker::template make<Decrement, uint32_t>() : nullptr;
    case 5: return pick_bits<Maker, And>(type, global);
    case 6: return pick_bits<Maker, Or>(type, global);
    case 7: return pick_bits<Maker, Xor>(type, global);
    default: return nullptr;
  }
}

}  // namespace vgpu::soft::VGPU_ISA
