// SPDX-License-Identifier: Apache-2.0
// set and setp (PTX ISA 9.7.6.1, 9.7.6.2, 9.7.7.1, 9.7.7.2): comparisons of all types, combined with a predicate.
#include "softgpu/machine/ops/half.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

enum class Relation : uint8_t { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan };

// In the order of Relation; lo, ls, hi, hs are lt, le, gt, ge of unsigned numbers.
constexpr const char* kRelations[] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge", "equ", "neu", "ltu",
                                      "leu", "gtu", "geu", "num", "nan", "lo", "ls",  "hi",  "hs"};
constexpr unsigned kRelationCount = 14;

template <Relation relation, class T>
VGPU_INLINE bool holds(T a, T b) {
  switch (relation) {
    case Relation::eq: return a == b;
    case Relation::lt: return a < b;
    case Relation::le: return a <= b;
    case Relation::gt: return a > b;
    case Relation::ge: return a >= b;
    case Relation::neu: return a != b;
    case Relation::equ: return !(a < b) & !(a > b);
    case Relation::ltu: return !(a >= b);
    case Relation::leu: return !(a > b);
    case Relation::gtu: return !(a <= b);
    case Relation::geu: return !(a < b);
    case Relation::num: return (a == a) & (b == b);
    case Relation::nan: return (a != a) | (b != b);
    case Relation::ne: return std::is_integral_v<T> ? a != b : (a < b) | (a > b);
  }
  return false;
}

// How an element becomes what is compared.
struct Same {
  template <class T>
  VGPU_INLINE static T load(T a) {
    return a;
  }
};
struct Flushed {
  VGPU_INLINE static float load(float a) { return as_float(Single::flush(as_bits(a))); }
};
struct FromHalf {
  VGPU_INLINE static float load(uint16_t a) { return half_to_float(a); }
};
struct FromFlushedHalf {
  VGPU_INLINE static float load(uint16_t a) { return half_to_float(Half::flush(a)); }
};
struct FromBfloat {
  VGPU_INLINE static float load(uint16_t a) { return bfloat_to_float(a); }
};

// The lanes whose 32 comparison results, all ones or zero, have the sign bit set.
VGPU_INLINE LaneMask signs_of(const int32_t* rows) {
  LaneMask result = 0;
  for (unsigned i = 0; i < kLanes; i += 4) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(rows + i));
    result |= static_cast<LaneMask>(_mm_movemask_ps(_mm_castsi128_ps(part))) << i;
  }
  return result;
}

// Compares two rows; 64-bit results are cut to 32 bits, which keeps all ones or zero.
template <Relation relation, class Load, class T>
LaneMask compare_rows(const void* first, const void* second) {
  const T* a = static_cast<const T*>(first);
  const T* b = static_cast<const T*>(second);
  alignas(64) int32_t results[kLanes];
  for (unsigned i = 0; i < kLanes; ++i)
    results[i] = -static_cast<int32_t>(holds<relation>(Load::load(a[i]), Load::load(b[i])));
  return signs_of(results);
}

using Compare = LaneMask (*)(const void*, const void*);

template <class Load, class T, unsigned... Index>
constexpr Compare pick(unsigned relation, std::integer_sequence<unsigned, Index...>) {
  constexpr Compare kList[] = {compare_rows<static_cast<Relation>(Index), Load, T>...};
  return kList[relation];
}

template <class Load, class T>
Compare comparison_of(unsigned relation) {
  constexpr bool kInteger = std::is_same_v<Load, Same> && std::is_integral_v<T>;
  if constexpr (kInteger)
    return relation < 6 ? pick<Load, T>(relation, std::make_integer_sequence<unsigned, 6>()) : nullptr;
  return relation < kRelationCount ? pick<Load, T>(relation, std::make_integer_sequence<unsigned, kRelationCount>())
                                   : nullptr;
}

// `relation` is an index into kRelations. The unsigned names are for unsigned types and bits only have (in)equality.
Compare find_comparison(Type type, unsigned relation, bool flush) {
  if (relation >= kRelationCount) {
    if (type != Type::u16 && type != Type::u32 && type != Type::u64) return nullptr;
    relation = relation - kRelationCount + static_cast<unsigned>(Relation::lt);
  }
  const bool equality = relation <= static_cast<unsigned>(Relation::ne);
  if (flush && type != Type::f32 && type != Type::f16 && type != Type::f16x2) return nullptr;
  switch (type) {
    case Type::b16: return equality ? comparison_of<Same, uint16_t>(relation) : nullptr;
    case Type::b32: return equality ? comparison_of<Same, uint32_t>(relation) : nullptr;
    case Type::b64: return equality ? comparison_of<Same, uint64_t>(relation) : nullptr;
    case Type::u16: return comparison_of<Same, uint16_t>(relation);
    case Type::s16: return comparison_of<Same, int16_t>(relation);
    case Type::u32: return comparison_of<Same, uint32_t>(relation);
    case Type::s32: return comparison_of<Same, int32_t>(relation);
    case Type::u64: return comparison_of<Same, uint64_t>(relation);
    case Type::s64: return comparison_of<Same, int64_t>(relation);
    case Type::f32: return flush ? comparison_of<Flushed, float>(relation) : comparison_of<Same, float>(relation);
    case Type::f64: return comparison_of<Same, double>(relation);
    case Type::f16:
    case Type::f16x2:
      return flush ? comparison_of<FromFlushedHalf, uint16_t>(relation) : comparison_of<FromHalf, uint16_t>(relation);
    case Type::bf16:
    case Type::bf16x2: return comparison_of<FromBfloat, uint16_t>(relation);
    default: return nullptr;
  }
}

bool is_packed(Type type) { return type == Type::f16x2 || type == Type::bf16x2; }

enum Combine : uint8_t { kNoCombine, kAnd, kOr, kXor };

VGPU_INLINE LaneMask combined(uint8_t combine, LaneMask value, LaneMask with) {
  return combine == kNoCombine ? value : combine == kAnd ? value & with : combine == kOr ? value | with : value ^ with;
}

// The comparison travels in the immediate as a function of this file and instruction set.
VGPU_INLINE LaneMask compare(Warp& warp, const Instruction& instruction, unsigned first) {
  const auto function = reinterpret_cast<Compare>(instruction.immediate);
  return function(warp.row<std::byte>(instruction.operand[first]), warp.row<std::byte>(instruction.operand[first + 1]));
}

struct Halves {
  LaneMask low, high;
};
VGPU_INLINE Halves compare_halves(Warp& warp, const Instruction& instruction, unsigned first) {
  const auto function = reinterpret_cast<Compare>(instruction.immediate);
  const uint32_t* a = warp.row<uint32_t>(instruction.operand[first]);
  const uint32_t* b = warp.row<uint32_t>(instruction.operand[first + 1]);
  uint16_t parts[4][kLanes];
  for (unsigned i = 0; i < kLanes; ++i) {
    parts[0][i] = static_cast<uint16_t>(a[i]);
    parts[1][i] = static_cast<uint16_t>(b[i]);
    parts[2][i] = static_cast<uint16_t>(a[i] >> 16);
    parts[3][i] = static_cast<uint16_t>(b[i] >> 16);
  }
  return {function(parts[0], parts[1]), function(parts[2], parts[3])};
}

// setp p|q, a, b{, c}: p combines the comparison with c, q its complement.
void setp(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const LaneMask value = compare(warp, instruction, 2);
  const LaneMask with = instruction.aux == kNoCombine ? 0 : warp.predicate(instruction.operand[4]);
  warp.set_predicate(instruction.operand[0], combined(instruction.aux, value, with), mask);
  warp.set_predicate(instruction.operand[1], combined(instruction.aux, ~value, with), mask);
}

// The commonest form: one predicate and no combination.
void setp_single(Warp& warp, const Instruction& instruction, LaneMask mask) {
  warp.set_predicate(instruction.operand[0], compare(warp, instruction, 1), mask);
}

// Packed types: p is the lower half's, q the upper half's.
void setp_halves(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Halves value = compare_halves(warp, instruction, 2);
  const LaneMask with = instruction.aux == kNoCombine ? 0 : warp.predicate(instruction.operand[4]);
  warp.set_predicate(instruction.operand[0], combined(instruction.aux, value.low, with), mask);
  warp.set_predicate(instruction.operand[1], combined(instruction.aux, value.high, with), mask);
}

struct Modifiers {
  unsigned relation = 0;
  uint8_t combine = kNoCombine;
  bool flush = false;
};

bool take_modifiers(Choice& choice, Modifiers& modifiers) {
  static constexpr const char* kCombinations[] = {"and", "or", "xor"};
  const int relation = choice.take_one(kRelations);
  modifiers.combine = static_cast<uint8_t>(choice.take_one(kCombinations) + 1);
  modifiers.flush = choice.take("ftz");
  modifiers.relation = static_cast<unsigned>(relation);
  return relation >= 0;
}

void declare_sources(Choice& choice, Type type, uint8_t combine) {
  choice.source(type);
  choice.source(type);
  if (combine != kNoCombine) choice.source(Type::pred);
  choice.set_aux(combine);
}

Handler choose_setp(Choice& choice) {
  Modifiers modifiers;
  if (!take_modifiers(choice, modifiers)) return nullptr;
  const Type type = choice.take_type();
  const Compare function = find_comparison(type, modifiers.relation, modifiers.flush);
  choice.set_immediate(reinterpret_cast<int64_t>(function));
  const bool single = choice.shape() != Shape::pair && modifiers.combine == kNoCombine && !is_packed(type);
  choice.result(Type::pred);
  if (!single) choice.second_result(Type::pred);
  declare_sources(choice, type, modifiers.combine);
  if (function == nullptr) return nullptr;
  return single ? setp_single : is_packed(type) ? setp_halves : setp;
}

// set writes all ones, or one of a floating type, where the combined comparison holds.
template <class T, T True>
void set(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const LaneMask with = instruction.aux == kNoCombine ? 0 : warp.predicate(instruction.operand[3]);
  const LaneMask value = combined(instruction.aux, compare(warp, instruction, 1), with);
  for_lanes(mask, warp.row<T>(instruction.operand[0]),
            [=](unsigned i) { return (value >> i & 1u) != 0 ? True : T{0}; });
}

template <uint32_t True>
void set_halves(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const LaneMask with = instruction.aux == kNoCombine ? 0 : warp.predicate(instruction.operand[3]);
  const Halves halves = compare_halves(warp, instruction, 1);
  const LaneMask low = combined(instruction.aux, halves.low, with), high = combined(instruction.aux, halves.high, with);
  for_lanes(mask, warp.row<uint32_t>(instruction.operand[0]),
            [=](unsigned i) { return ((low >> i & 1u) != 0 ? True : 0u) | ((high >> i & 1u) != 0 ? True << 16 : 0u); });
}

Handler set_handler(Type result, Type source) {
  if (is_packed(source)) {
    if (result == Type::u32 || result == Type::s32) return set_halves<0xffff>;
    if (result != source) return nullptr;
    return result == Type::f16x2 ? set_halves<Half::kOne> : set_halves<Bfloat::kOne>;
  }
  switch (result) {
    case Type::u16:
    case Type::s16: return set<uint16_t, 0xffff>;
    case Type::u32:
    case Type::s32: return set<uint32_t, 0xffffffffu>;
    case Type::f16: return set<uint16_t, Half::kOne>;
    case Type::bf16: return set<uint16_t, Bfloat::kOne>;
    case Type::f32: return set<uint32_t, Single::kOne>;
    default: return nullptr;
  }
}

// set.CmpOp{.BoolOp}{.ftz}.dtype.stype d, a, b{, c};
Handler choose_set(Choice& choice) {
  Modifiers modifiers;
  if (!take_modifiers(choice, modifiers)) return nullptr;
  const Type result = choice.take_type();
  const Type source = choice.take_type();
  const Compare function = find_comparison(source, modifiers.relation, modifiers.flush);
  choice.set_immediate(reinterpret_cast<int64_t>(function));
  choice.result(result);
  declare_sources(choice, source, modifiers.combine);
  return function == nullptr ? nullptr : set_handler(result, source);
}

constexpr OpcodeRow kRows[] = {
    {"set", kAnyType, choose_set, "9.7.6.1"},
    {"setp", kAnyType, choose_setp, "9.7.6.2"},
};

}  // namespace
VGPU_SOFT_ROWS(compare, kRows)
}  // namespace vgpu::soft::VGPU_ISA
