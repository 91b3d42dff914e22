// SPDX-License-Identifier: Apache-2.0
// atom and red (PTX ISA 9.7.13.6, 9.7.13.7). Blocks run in parallel, so global memory is changed with the host's atomic
// operations; shared memory belongs to the thread that runs the block. When all lanes name the same place, they are
// applied one after the other to one value and written at once: the order among lanes is free.
#include "softgpu/machine/ops/atomic_operations.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// Operations on integers that may be put together first: what all lanes do to the place is one change.
template <class Op, class T>
inline constexpr bool kAssociative =
    std::is_same_v<Op, Add<T>> || std::is_same_v<Op, And<T>> || std::is_same_v<Op, Or<T>> ||
    std::is_same_v<Op, Xor<T>> || std::is_same_v<Op, Min<T>> || std::is_same_v<Op, Max<T>>;

// All lanes in the mask, at the same place. old[i] is what lane i found.
template <class Op, class T>
VGPU_INLINE void change_at_once(T* pointer, LaneMask mask, const T* b, T* old) {
  const unsigned first = static_cast<unsigned>(__builtin_ctz(mask));
  T together = b[first];
  for_each_lane(mask & (mask - 1), [&](unsigned i) {
    old[i] = together;
    together = Op::apply(together, b[i], T{});
  });
  const T before = change<Op>(pointer, together, T{});
  for_each_lane(mask & (mask - 1), [&](unsigned i) { old[i] = Op::apply(before, old[i], T{}); });
  old[first] = before;
}

template <class Op, class T>
VGPU_INLINE void change_one_by_one(T* pointer, LaneMask mask, const T* b, const T* c, T* old) {
  T before = __atomic_load_n(pointer, __ATOMIC_SEQ_CST);
  T after = before;
  do {
    after = before;
    for_each_lane(mask, [&](unsigned i) {
      old[i] = after;
      after = Op::apply(after, b[i], c[i]);
    });
  } while (!__atomic_compare_exchange_n(pointer, &before, after, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}

VGPU_INLINE bool same_place(const Addresses& addresses, LaneMask mask) {
  const uint64_t first = addresses.at[__builtin_ctz(mask)];
  uint64_t differs = 0;
  for (unsigned i = 0; i < kLanes; ++i) differs |= (mask >> i & 1u) != 0 ? addresses.at[i] ^ first : 0;
  return differs == 0;
}

// Operands: kResult: d, a, b, c; else a, b, c. Without a third source, c is a row of zeros.
template <Space kSpace, class A, class Op, class T, bool kResult>
void atomic(Warp& warp, const Instruction& instruction, LaneMask mask) {
  constexpr unsigned kFirst = kResult ? 1 : 0;
  if (kResult) warp.synchronising = true;
  Addresses addresses;
  load_addresses<A>(warp, instruction, instruction.operand[kFirst], addresses);
  const T* b = warp.row<T>(instruction.operand[kFirst + 1]);
  const T* c = warp.row<T>(instruction.operand[kFirst + 2]);
  T old[kLanes];
  const Place place = find_place<kSpace, true>(warp, instruction, addresses.at[__builtin_ctz(mask)]);
  // A place with a stride is local memory: one address is another variable for each lane.
  if (place.stride != 0 || !all_inside(addresses, mask, place, sizeof(T))) {
    std::byte* pointers[kLanes];
    if (!resolve_lanes(warp, instruction, mask, kSpace, addresses.at, sizeof(T), true, pointers)) return;
    for_each_lane(mask, [&](unsigned i) { old[i] = change<Op>(reinterpret_cast<T*>(pointers[i]), b[i], c[i]); });
  } else if constexpr (kSpace == Space::shared) {
    for_each_lane(mask, [&](unsigned i) {
      T* pointer = reinterpret_cast<T*>(place.base + addresses.at[i]);
      old[i] = *pointer;
      *pointer = Op::apply(old[i], b[i], c[i]);
    });
  } else if (same_place(addresses, mask)) {
    T* pointer = reinterpret_cast<T*>(place.base + addresses.at[__builtin_ctz(mask)]);
    if constexpr (kAssociative<Op, T>) change_at_once<Op>(pointer, mask, b, old);
    else change_one_by_one<Op>(pointer, mask, b, c, old);
  } else {
    for_each_lane(
        mask, [&](unsigned i) { old[i] = change<Op>(reinterpret_cast<T*>(place.base + addresses.at[i]), b[i], c[i]); });
  }
  if constexpr (kResult) {
    T* d = warp.row<T>(instruction.operand[0]);
    for_each_lane(mask, [&](unsigned i) { d[i] = old[i]; });
  }
}

struct Form {
  Space space = Space::generic;
  bool narrow = false;  // 32-bit addresses
  bool result = true;   // atom, else red
};

template <class Op, class T, bool kResult>
Handler in_space(Form form) {
  switch (form.space) {
    case Space::generic: return form.narrow ? nullptr : Handler{atomic<Space::generic, uint64_t, Op, T, kResult>};
    case Space::global: return form.narrow ? nullptr : Handler{atomic<Space::global, uint64_t, Op, T, kResult>};
    case Space::shared:
      return form.narrow ? atomic<Space::shared, uint32_t, Op, T, kResult>
                         : atomic<Space::shared, uint64_t, Op, T, kResult>;
    case Space::constant:
    case Space::local:
    case Space::parameter:
    case Space::kernel_parameter: return nullptr;
  }
  return nullptr;
}

template <class Op, class T>
Handler pick(Form form) {
  return form.result ? in_space<Op, T, true>(form) : in_space<Op, T, false>(form);
}

template <template <class> class Op>
Handler pick_bits(Form form, Type type) {
  if (type == Type::b32) return pick<Op<uint32_t>, uint32_t>(form);
  if (type == Type::b64) return pick<Op<uint64_t>, uint64_t>(form);
  return nullptr;
}

template <template <class> class Op>
Handler pick_order(Form form, Type type) {
  switch (type) {
    case Type::u32: return pick<Op<uint32_t>, uint32_t>(form);
    case Type::s32: return pick<Op<int32_t>, int32_t>(form);
    case Type::u64: return pick<Op<uint64_t>, uint64_t>(form);
    case Type::s64: return pick<Op<int64_t>, int64_t>(form);
    default: return nullptr;
  }
}

Handler pick_add(Form form, Type type) {
  switch (type) {
    case Type::u32:
    case Type::s32: return pick<Add<uint32_t>, uint32_t>(form);
    case Type::u64: return pick<Add<uint64_t>, uint64_t>(form);
    case Type::f32:
      return form.space == Space::shared ? pick<AddFloat, uint32_t>(form) : pick<AddFloatFlush, uint32_t>(form);
    case Type::f64: return pick<AddDouble, uint64_t>(form);
    case Type::f16: return pick<AddHalf<HalfOps>, uint16_t>(form);
    case Type::bf16: return pick<AddHalf<BfloatOps>, uint16_t>(form);
    case Type::f16x2: return pick<AddHalfPair<HalfOps>, uint32_t>(form);
    case Type::bf16x2: return pick<AddHalfPair<BfloatOps>, uint32_t>(form);
    default: return nullptr;
  }
}

enum Operation { add, op_and, op_or, op_xor, exch, cas, min, max, inc, dec };

Handler pick_operation(int operation, Form form, Type type) {
  switch (operation) {
    case add: return pick_add(form, type);
    case op_and: return pick_bits<And>(form, type);
    case op_or: return pick_bits<Or>(form, type);
    case op_xor: return pick_bits<Xor>(form, type);
    case exch: return form.result ? pick_bits<Exchange>(form, type) : nullptr;
    case cas:
      if (!form.result) return nullptr;
      return type == Type::b16 ? pick<CompareAndSwap<uint16_t>, uint16_t>(form) : pick_bits<CompareAndSwap>(form, type);
    case min: return pick_order<Min>(form, type);
    case max: return pick_order<Max>(form, type);
    case inc: return type == Type::u32 ? pick<Increment, uint32_t>(form) : nullptr;
    case dec: return type == Type::u32 ? pick<Decrement, uint32_t>(form) : nullptr;
    default: return nullptr;
  }
}

template <bool kResult>
Handler choose(Choice& choice) {
  static constexpr const char* kSemantics[] = {"relaxed", "release", "acquire", "acq_rel"};
  static constexpr const char* kScopes[] = {"cta", "cluster", "gpu", "sys"};
  static constexpr const char* kSpaces[] = {"global", "shared", "shared::cta", "shared::cluster"};
  static constexpr const char* kOperations[] = {"add", "and", "or", "xor", "exch", "cas", "min", "max", "inc", "dec"};
  // A reduction brings nothing back that could be acquired.
  choice.take_one(kSemantics, kResult ? 4 : 2);
  choice.take_one(kScopes);
  const int space = choice.take_one(kSpaces);
  const int operation = choice.take_one(kOperations);
  const bool no_flush = choice.take("noftz"), policy = choice.take("L2::cache_hint");
  const Type type = choice.take_type();
  if (no_flush != contains(kHalves, type)) return nullptr;
  Form form;
  form.result = kResult;
  form.space = space < 0 ? Space::generic : space == 0 ? Space::global : Space::shared;
  if (kResult) choice.result(type);
  form.narrow = choice.address() == 32;
  choice.source(type);
  if (operation == cas) {
    choice.source(type);
  } else {
    choice.source_value(type, 0);
  }
  if (policy) choice.source(Type::b64);
  return pick_operation(operation, form, type);
}

constexpr OpcodeRow kRows[] = {
    {"atom", kAnyType, choose<true>, "9.7.13.6"},
    {"red", kAnyType, choose<false>, "9.7.13.7"},
};

}  // namespace
VGPU_SOFT_ROWS(atomic, kRows)
}  // namespace vgpu::soft::VGPU_ISA
