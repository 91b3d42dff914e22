// SPDX-License-Identifier: Apache-2.0
// atom and red of vectors, each of whose elements is changed by itself (PTX ISA 9.7.13.6, 9.7.13.7: `.vec_16_bit` and
// the others), and atom of 128 bits.
#include "softgpu/machine/ops/atomic_operations.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// Operands: with a result: d ..., address, b ...; else address, b .... aux: elements.
template <class Op, class T, bool kResult>
void change_vector(Warp& warp, const Instruction& instruction, LaneMask mask, Space space) {
  const unsigned elements = instruction.aux, first = kResult ? elements : 0;
  if (kResult) warp.synchronising = true;
  Addresses addresses;
  load_addresses<uint64_t>(warp, instruction, instruction.at(first), addresses);
  std::byte* pointers[kLanes];
  const auto bytes = static_cast<uint32_t>(sizeof(T)) * elements;
  if (!resolve_lanes(warp, instruction, mask, space, addresses.at, bytes, true, pointers)) return;
  // All of a lane before the next lane, as a lane's destination may be another one's source register.
  T old[8][kLanes];
  for_each_lane(mask, [&](unsigned i) {
    for (unsigned k = 0; k < elements; ++k) {
      const T b = warp.row<T>(instruction.at(first + 1 + k))[i];
      old[k][i] = change<Op>(reinterpret_cast<T*>(pointers[i]) + k, b, T{});
    }
  });
  for (unsigned k = 0; kResult && k < elements; ++k) {
    T* d = warp.row<T>(instruction.at(k));
    for_each_lane(mask, [&](unsigned i) { d[i] = old[k][i]; });
  }
}

template <class Op, class T, bool kResult, Space kSpace>
void vector(Warp& warp, const Instruction& instruction, LaneMask mask) {
  change_vector<Op, T, kResult>(warp, instruction, mask, kSpace);
}

struct Form {
  Type type = Type::none;
  bool result = true, global = false;
};

template <class Op, class T>
Handler pick_form(Form form) {
  if (form.result) return form.global ? vector<Op, T, true, Space::global> : vector<Op, T, true, Space::generic>;
  return form.global ? vector<Op, T, false, Space::global> : vector<Op, T, false, Space::generic>;
}

Handler pick_add(Form form) {
  switch (form.type) {
    case Type::f32: return pick_form<AddFloatFlush, uint32_t>(form);
    case Type::f16: return pick_form<AddHalf<HalfOps>, uint16_t>(form);
    case Type::bf16: return pick_form<AddHalf<BfloatOps>, uint16_t>(form);
    case Type::f16x2: return pick_form<AddHalfPair<HalfOps>, uint32_t>(form);
    case Type::bf16x2: return pick_form<AddHalfPair<BfloatOps>, uint32_t>(form);
    default: return nullptr;
  }
}

template <bool maximum>
Handler pick_extreme(Form form) {
  switch (form.type) {
    case Type::f16: return pick_form<ExtremeHalf<Half, maximum>, uint16_t>(form);
    case Type::bf16: return pick_form<ExtremeHalf<Bfloat, maximum>, uint16_t>(form);
    case Type::f16x2: return pick_form<ExtremeHalfPair<Half, maximum>, uint32_t>(form);
    case Type::bf16x2: return pick_form<ExtremeHalfPair<Bfloat, maximum>, uint32_t>(form);
    default: return nullptr;
  }
}

void take_order(Choice& choice, bool result) {
  static constexpr const char* kSemantics[] = {"relaxed", "release", "acquire", "acq_rel"};
  static constexpr const char* kScopes[] = {"cta", "cluster", "gpu", "sys"};
  choice.take_one(kSemantics, result ? 4 : 2);
  choice.take_one(kScopes);
}

// {atom,red}{.sem}{.scope}{.global}.{add,min,max}{.noftz}{.L2::cache_hint}.{v2,v4,v8}.type {d,} [a], b{, policy};
template <bool kResult>
Handler choose_vector(Choice& choice) {
  static constexpr const char* kVectors[] = {"v2", "v4", "v8"};
  static constexpr const char* kOperations[] = {"add", "min", "max"};
  const int vector = choice.take_one(kVectors);
  if (vector < 0) return nullptr;
  take_order(choice, kResult);
  Form form;
  form.result = kResult;
  form.global = choice.take("global");
  const int operation = choice.take_one(kOperations);
  const bool no_flush = choice.take("noftz"), policy = choice.take("L2::cache_hint");
  form.type = choice.take_type();
  // At most 128 bits; flushing is for f32 alone.
  const unsigned elements = 2u << vector;
  if (elements * bits_of(form.type) > 128 || no_flush == (form.type == Type::f32)) return nullptr;
  choice.set_aux(static_cast<uint8_t>(elements));
  if (kResult) choice.results(form.type, elements);
  if (choice.address() != 64) return nullptr;
  choice.sources(form.type, elements);
  if (policy) choice.source(Type::b64);
  return operation == 0   ? pick_add(form)
         : operation == 1 ? pick_extreme<false>(form)
         : operation == 2 ? pick_extreme<true>(form)
                          : nullptr;
}

struct Bits128 {
  uint64_t low, high;
};

// Every 64-bit host has the instruction, but for the first of them; the compiler would call a library for it.
VGPU_INLINE bool compare_and_swap(Bits128* pointer, Bits128& expected, Bits128 desired) {
  bool equal = false;
  // SAFETY: the pointer is aligned to 16 bytes, which resolve has checked.
  asm volatile("lock cmpxchg16b %1"
               : "=@ccz"(equal), "+m"(*pointer), "+a"(expected.low), "+d"(expected.high)
               : "b"(desired.low), "c"(desired.high)
               : "memory");
  return equal;
}

constexpr uint8_t kCompare = 1, kShared = 2, kGlobal = 4, kNarrow = 8;  // aux

// Operands: d, address, b, c. The exchange is for b; with a comparison it is for c where memory holds b.
void wide(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint8_t aux = instruction.aux;
  warp.synchronising = true;
  Addresses addresses;
  if ((aux & kNarrow) != 0) load_addresses<uint32_t>(warp, instruction, instruction.operand[1], addresses);
  else load_addresses<uint64_t>(warp, instruction, instruction.operand[1], addresses);
  const Space space = (aux & kShared) != 0 ? Space::shared : (aux & kGlobal) != 0 ? Space::global : Space::generic;
  std::byte* pointers[kLanes];
  if (!resolve_lanes(warp, instruction, mask, space, addresses.at, sizeof(Bits128), true, pointers)) return;
  Bits128* d = warp.row<Bits128>(instruction.operand[0]);
  const Bits128* b = warp.row<Bits128>(instruction.operand[2]);
  const Bits128* c = warp.row<Bits128>(instruction.operand[3]);
  for_each_lane(mask, [&](unsigned i) {
    auto* pointer = reinterpret_cast<Bits128*>(pointers[i]);
    Bits128 old = b[i];
    if ((aux & kCompare) != 0) {
      compare_and_swap(pointer, old, c[i]);
    } else {
      const Bits128 desired = b[i];
      while (!compare_and_swap(pointer, old, desired)) {
      }
    }
    d[i] = old;
  });
}

// atom{.sem}{.scope}{.space}.{exch,cas}{.L2::cache_hint}.b128 d, [a], b{, c}{, policy};
Handler choose_wide(Choice& choice) {
  static constexpr const char* kSpaces[] = {"global", "shared", "shared::cta", "shared::cluster"};
  take_order(choice, true);
  const int space = choice.take_one(kSpaces);
  const bool compare = choice.take("cas");
  if (!compare && !choice.take("exch")) return nullptr;
  const bool policy = choice.take("L2::cache_hint");
  if (choice.take_type() != Type::b128) return nullptr;
  choice.result(Type::b128);
  const bool narrow = choice.address() == 32;
  if (narrow && space < 1) return nullptr;
  choice.source(Type::b128);
  if (compare) choice.source(Type::b128);
  else choice.source_value(Type::b128, 0);
  if (policy) choice.source(Type::b64);
  choice.set_aux(static_cast<uint8_t>((compare ? kCompare : 0) | (space > 0 ? kShared : 0) |
                                      (space == 0 ? kGlobal : 0) | (narrow ? kNarrow : 0)));
  return wide;
}

constexpr OpcodeRow kRows[] = {
    {"atom", types(Type::f32, Type::f16, Type::bf16, Type::f16x2, Type::bf16x2), choose_vector<true>, "9.7.13.6"},
    {"red", types(Type::f32, Type::f16, Type::bf16, Type::f16x2, Type::bf16x2), choose_vector<false>, "9.7.13.7"},
    {"atom", types(Type::b128), choose_wide, "9.7.13.6"},
};

}  // namespace
VGPU_SOFT_ROWS(atomic_vector, kRows)
}  // namespace vgpu::soft::VGPU_ISA
