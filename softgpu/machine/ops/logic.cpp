// SPDX-License-Identifier: Apache-2.0
// and, or, xor, not, cnot, lop3 of bits and predicates (PTX ISA 9.7.8.1 to 9.7.8.6).
#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

struct And {
  template <class T>
  VGPU_INLINE static T compute(T a, T b) {
    return static_cast<T>(a & b);
  }
};
struct Or {
  template <class T>
  VGPU_INLINE static T compute(T a, T b) {
    return static_cast<T>(a | b);
  }
};
struct Xor {
  template <class T>
  VGPU_INLINE static T compute(T a, T b) {
    return static_cast<T>(a ^ b);
  }
};
struct Not {
  template <class T>
  VGPU_INLINE static T compute(T a) {
    return static_cast<T>(~a);
  }
};
struct LogicalNot {
  template <class T>
  VGPU_INLINE static T compute(T a) {
    return a == 0 ? T{1} : T{0};
  }
};

template <class Op, class T>
struct On {
  template <class... Ts>
  VGPU_INLINE static T apply(Ts... operands) {
    return Op::template compute<T>(operands...);
  }
};

// A predicate row is one mask of the warp, so its operations are single ones.
template <class Op>
void predicates(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const LaneMask a = warp.predicate(instruction.operand[1]), b = warp.predicate(instruction.operand[2]);
  warp.set_predicate(instruction.operand[0], Op::template compute<LaneMask>(a, b), mask);
}

void not_predicate(Warp& warp, const Instruction& instruction, LaneMask mask) {
  warp.set_predicate(instruction.operand[0], ~warp.predicate(instruction.operand[1]), mask);
}

template <class Op>
Handler choose_binary(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(type);
  switch (bits_of(type)) {
    case 1: return predicates<Op>;
    case 16: return binary<On<Op, uint16_t>, uint16_t, uint16_t>;
    case 32: return binary<On<Op, uint32_t>, uint32_t, uint32_t>;
    case 64: return binary<On<Op, uint64_t>, uint64_t, uint64_t>;
    default: return nullptr;
  }
}

template <class Op>
Handler choose_unary(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  switch (bits_of(type)) {
    case 1: return not_predicate;
    case 16: return unary<On<Op, uint16_t>, uint16_t, uint16_t>;
    case 32: return unary<On<Op, uint32_t>, uint32_t, uint32_t>;
    case 64: return unary<On<Op, uint64_t>, uint64_t, uint64_t>;
    default: return nullptr;
  }
}

// The truth table as a tree of selections: c picks one of two neighbouring entries, then b, then a. The entries are the
// same for all lanes, so the tree is seven selections of whole words.
struct Table {
  uint32_t base[4], flip[4];  // entries for c = 0, and what changes for c = 1, per (a, b)

  explicit Table(int64_t bits) {
    for (unsigned pair = 0; pair < 4; ++pair) {
      const uint32_t first = (bits >> (2 * pair) & 1) != 0 ? ~0u : 0u,
                     second = (bits >> (2 * pair + 1) & 1) != 0 ? ~0u : 0u;
      base[pair] = first;
      flip[pair] = first ^ second;
    }
  }
  VGPU_INLINE uint32_t operator()(uint32_t a, uint32_t b, uint32_t c) const {
    const uint32_t e0 = base[0] ^ (flip[0] & c), e1 = base[1] ^ (flip[1] & c);
    const uint32_t e2 = base[2] ^ (flip[2] & c), e3 = base[3] ^ (flip[3] & c);
    const uint32_t low = e0 ^ ((e0 ^ e1) & b), high = e2 ^ ((e2 ^ e3) & b);
    return low ^ ((low ^ high) & a);
  }
};

struct Ternary {
  const uint32_t *a, *b, *c;
  Ternary(Warp& warp, const Instruction& instruction, unsigned first)
      : a(warp.row<uint32_t>(instruction.operand[first])),
        b(warp.row<uint32_t>(instruction.operand[first + 1])),
        c(warp.row<uint32_t>(instruction.operand[first + 2])) {}
};

void lop3(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Ternary in(warp, instruction, 1);
  const Table table(instruction.immediate);
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]),
            [=](unsigned i) { return table(in.a[i], in.b[i], in.c[i]); });
}

// lop3.BoolOp d|p, a, b, c, table, q: p = (d != 0) BoolOp q. The operator is in aux: 0 and, 1 or.
void lop3_predicate(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Ternary in(warp, instruction, 2);
  const Table table(instruction.immediate);
  uint32_t values[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) values[i] = table(in.a[i], in.b[i], in.c[i]);
  const LaneMask set = lanes_where([&](unsigned i) { return values[i] != 0; });
  const LaneMask q = warp.predicate(instruction.operand[5]);
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]), [&](unsigned i) { return values[i]; });
  warp.set_predicate(instruction.operand[1], instruction.aux == 0 ? set & q : set | q, mask);
}

Handler choose_lop3(Choice& choice) {
  static constexpr const char* kOperators[] = {"and", "or"};
  const int combine = choice.take_one(kOperators);
  choice.take_type();
  choice.result(Type::b32);
  if (combine >= 0) choice.second_result(Type::pred);
  for (int i = 0; i < 3; ++i) choice.source(Type::b32);
  choice.set_immediate(choice.constant());
  if (combine < 0) return lop3;
  choice.set_aux(static_cast<uint8_t>(combine));
  choice.source(Type::pred);
  return lop3_predicate;
}

constexpr TypeSet kBitsAndPredicates = kBits16To64 | types(Type::pred);

constexpr OpcodeRow kRows[] = {
    {"and", kBitsAndPredicates, choose_binary<And>, "9.7.8.1"},
    {"or", kBitsAndPredicates, choose_binary<Or>, "9.7.8.2"},
    {"xor", kBitsAndPredicates, choose_binary<Xor>, "9.7.8.3"},
    {"not", kBitsAndPredicates, choose_unary<Not>, "9.7.8.4"},
    {"cnot", kBits16To64, choose_unary<LogicalNot>, "9.7.8.5"},
    {"lop3", types(Type::b32), choose_lop3, "9.7.8.6"},
};

}  // namespace
VGPU_SOFT_ROWS(logic, kRows)
}  // namespace vgpu::soft::VGPU_ISA
