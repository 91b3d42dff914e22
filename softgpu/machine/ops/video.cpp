// SPDX-License-Identifier: Apache-2.0
// Video instructions (PTX ISA 9.7.18): vadd, vsub, vabsdiff, vmin, vmax, vshl, vshr, vmad, vset on selected bytes and
// halves, and their two- and four-way forms with the default selections. Rare, so one lane at a time and by one plan.
#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

enum class Operation : uint8_t {
  add,
  subtract,
  absolute_difference,
  minimum,
  maximum,
  average,
  shift_left,
  shift_right,
  set
};
enum class Second : uint8_t { none, add, minimum, maximum, merge };
enum class Relation : uint8_t { eq, ne, lt, le, gt, ge };

// A byte, half or whole of a register: how many bits from which on.
struct Part {
  uint8_t bits = 32, shift = 0;
};

struct Plan {
  Operation operation;
  Second second;
  Relation relation;
  uint8_t scale;  // vmad: bits to shift right
  bool signed_result, signed_a, signed_b, saturate, wrap, plus_one;
  Part a, b, result;

  uint64_t pack() const { return __builtin_bit_cast(Bits, *this).low; }
  uint64_t pack_high() const { return __builtin_bit_cast(Bits, *this).high; }
  static Plan unpack(uint64_t low, uint64_t high) { return __builtin_bit_cast(Plan, Bits{low, high}); }

 private:
  struct Bits {
    uint64_t low, high;
  };
};
static_assert(sizeof(Plan) == 16);

VGPU_INLINE int64_t extract(uint32_t value, Part part, bool is_signed) {
  const uint64_t mask = (uint64_t{1} << part.bits) - 1;
  const uint64_t field = value >> part.shift & mask;
  const uint64_t sign = uint64_t{1} << (part.bits - 1);
  return is_signed ? static_cast<int64_t>(field ^ sign) - static_cast<int64_t>(sign) : static_cast<int64_t>(field);
}

VGPU_INLINE int64_t clamp(int64_t value, unsigned bits, bool is_signed) {
  const int64_t high = (int64_t{1} << (is_signed ? bits - 1 : bits)) - 1, low = is_signed ? -high - 1 : 0;
  return value < low ? low : value > high ? high : value;
}

VGPU_INLINE bool holds(Relation relation, int64_t a, int64_t b) {
  switch (relation) {
    case Relation::eq: return a == b;
    case Relation::ne: return a != b;
    case Relation::lt: return a < b;
    case Relation::le: return a <= b;
    case Relation::gt: return a > b;
    case Relation::ge: return a >= b;
  }
  return false;
}

// A shift by more than the width: .clamp limits it to 32, .wrap takes the low five bits.
VGPU_INLINE int64_t shifted(const Plan& plan, int64_t a, int64_t b) {
  const auto amount = static_cast<uint64_t>(b) & 0xffffffffu;
  const uint64_t by = plan.wrap ? amount & 31 : amount > 32 ? 32 : amount;
  return plan.operation == Operation::shift_left ? static_cast<int64_t>(static_cast<uint64_t>(a) << by) : a >> by;
}

int64_t compute(const Plan& plan, int64_t a, int64_t b) {
  switch (plan.operation) {
    case Operation::add: return a + b;
    case Operation::subtract: return a - b;
    case Operation::absolute_difference: return a < b ? b - a : a - b;
    case Operation::minimum: return a < b ? a : b;
    case Operation::maximum: return a < b ? b : a;
    case Operation::average: return (a + b + (a + b >= 0 ? 1 : 0)) >> 1;
    case Operation::shift_left:
    case Operation::shift_right: return shifted(plan, a, b);
    case Operation::set: return holds(plan.relation, a, b) ? 1 : 0;
  }
  return 0;
}

// The secondary operation: with c as a number, or the result in place of a part of c.
uint32_t finish(const Plan& plan, int64_t value, uint32_t c) {
  const auto bits = static_cast<uint32_t>(value);
  const int64_t result = extract(bits, Part{}, plan.signed_result), other = extract(c, Part{}, plan.signed_result);
  const uint32_t mask = static_cast<uint32_t>((uint64_t{1} << plan.result.bits) - 1) << plan.result.shift;
  switch (plan.second) {
    case Second::none: return bits;
    case Second::add: return bits + c;
    case Second::minimum: return result < other ? bits : c;
    case Second::maximum: return result < other ? c : bits;
    case Second::merge: return (c & ~mask) | (bits << plan.result.shift & mask);
  }
  return 0;
}

// The plan lies in two rows behind the sources, the same in all lanes.
VGPU_INLINE Plan plan_of(Warp& warp, const Instruction& instruction) {
  return Plan::unpack(*warp.row<uint64_t>(instruction.operand[4]), *warp.row<uint64_t>(instruction.operand[5]));
}

struct Rows {
  uint32_t* d;
  const uint32_t *a, *b, *c;
};
VGPU_INLINE Rows rows_of(Warp& warp, const Instruction& instruction) {
  const auto row = [&](unsigned index) { return warp.row<uint32_t>(instruction.operand[index]); };
  return {row(0), row(1), row(2), row(3)};
}

void scalar(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Plan plan = plan_of(warp, instruction);
  const Rows rows = rows_of(warp, instruction);
  for_each_lane(mask, [&](unsigned i) {
    int64_t value = compute(plan, extract(rows.a[i], plan.a, plan.signed_a), extract(rows.b[i], plan.b, plan.signed_b));
    if (plan.saturate) value = clamp(value, plan.second == Second::merge ? plan.result.bits : 32, plan.signed_result);
    rows.d[i] = finish(plan, value, rows.c[i]);
  });
}

void multiply_add(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Plan plan = plan_of(warp, instruction);
  const Rows rows = rows_of(warp, instruction);
  const bool negative = plan.signed_a || plan.signed_b;
  for_each_lane(mask, [&](unsigned i) {
    const __int128 product =
        static_cast<__int128>(extract(rows.a[i], plan.a, plan.signed_a)) * extract(rows.b[i], plan.b, plan.signed_b);
    const auto sum =
        static_cast<int64_t>(product + extract(rows.c[i], Part{}, negative) + (plan.plus_one ? 1 : 0)) >> plan.scale;
    rows.d[i] = static_cast<uint32_t>(plan.saturate ? clamp(sum, 32, plan.signed_result) : sum);
  });
}

// Elements of plan.a.bits bits; with an accumulation all results are added to c.
void packed(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Plan plan = plan_of(warp, instruction);
  const Rows rows = rows_of(warp, instruction);
  const uint8_t bits = plan.a.bits;
  for_each_lane(mask, [&](unsigned i) {
    uint32_t result = plan.second == Second::add ? rows.c[i] : 0;
    for (uint8_t shift = 0; shift < 32; shift = static_cast<uint8_t>(shift + bits)) {
      const Part part{bits, shift};
      int64_t value = compute(plan, extract(rows.a[i], part, plan.signed_a), extract(rows.b[i], part, plan.signed_b));
      if (plan.saturate) value = clamp(value, bits, plan.signed_result);
      const auto element = static_cast<uint32_t>(value);
      if (plan.second == Second::add) result += element;
      else result |= (element & ((1u << bits) - 1)) << shift;
    }
    rows.d[i] = result;
  });
}

// A selector of a scalar form: "", b0 to b3, h0, h1.
bool read_part(const char* selector, Part& part) {
  if (selector[0] == '\0') return true;
  const auto number = static_cast<unsigned>(selector[1] - '0');
  if (selector[2] != '\0') return false;
  part.bits = selector[0] == 'b' ? 8 : 16;
  part.shift = static_cast<uint8_t>(number * part.bits);
  return (selector[0] == 'b' && number < 4) || (selector[0] == 'h' && number < 2);
}

struct Name {
  const char* name;
  Operation operation;
};
constexpr Name kNames[] = {
    {"vadd", Operation::add},        {"vsub", Operation::subtract},    {"vabsdiff", Operation::absolute_difference},
    {"vmin", Operation::minimum},    {"vmax", Operation::maximum},     {"vavrg", Operation::average},
    {"vshl", Operation::shift_left}, {"vshr", Operation::shift_right}, {"vset", Operation::set}};

// The operation of an opcode and its ways: vadd is 1, vadd2 is 2.
bool find_operation(const char* opcode, Plan& plan, unsigned& ways) {
  for (const Name& candidate : kNames) {
    unsigned length = 0;
    while (candidate.name[length] != '\0' && opcode[length] == candidate.name[length]) ++length;
    if (candidate.name[length] != '\0') continue;
    const char digit = opcode[length];
    if (digit != '\0' && (opcode[length + 1] != '\0' || (digit != '2' && digit != '4'))) continue;
    plan.operation = candidate.operation;
    ways = digit == '\0' ? 1u : static_cast<unsigned>(digit - '0');
    return true;
  }
  return false;
}

bool take_types(Choice& choice, Plan& plan, bool with_result) {
  const auto take = [&](bool& is_signed_type) {
    const Type type = choice.take_type();
    is_signed_type = type == Type::s32;
    return is_signed_type || type == Type::u32;
  };
  if (with_result && !take(plan.signed_result)) return false;
  return take(plan.signed_a) && take(plan.signed_b);
}

// Declares d, a, b, c (or nothing in its place) and the plan.
bool declare(Choice& choice, Plan& plan, bool selectors) {
  const char* selected = selectors ? choice.selector() : "";
  if (!read_part(selected, plan.result)) return false;
  choice.result(Type::b32);
  if (selectors && !read_part(choice.selector(), plan.a)) return false;
  choice.source(Type::b32);
  if (selectors && !read_part(choice.selector(), plan.b)) return false;
  choice.source(Type::b32);
  const bool third = choice.more();
  if (third) choice.source(Type::b32);
  else choice.source_value(Type::b32, 0);
  if (selected[0] != '\0') {
    if (plan.second != Second::none) return false;
    plan.second = Second::merge;
  }
  choice.source_value(Type::u64, plan.pack());
  choice.source_value(Type::u64, plan.pack_high());
  return third || plan.second == Second::none;
}

constexpr const char* kRelations[] = {"eq", "ne", "lt", "le", "gt", "ge"};

Handler choose_video(Choice& choice) {
  static constexpr const char* kSeconds[] = {"add", "min", "max"};
  static constexpr const char* kModes[] = {"clamp", "wrap"};
  Plan plan{};
  plan.a = plan.b = plan.result = Part{};
  unsigned ways = 1;
  if (!find_operation(choice.opcode(), plan, ways)) return nullptr;
  const bool is_set = plan.operation == Operation::set;
  const bool is_shift = plan.operation == Operation::shift_left || plan.operation == Operation::shift_right;
  if (!take_types(choice, plan, !is_set)) return nullptr;
  plan.saturate = !is_set && choice.take("sat");
  const int relation = is_set ? choice.take_one(kRelations) : 0;
  const int mode = is_shift ? choice.take_one(kModes) : 0;
  if (relation < 0 || mode < 0 || (is_shift && plan.signed_b)) return nullptr;
  plan.relation = static_cast<Relation>(relation);
  plan.wrap = mode == 1;
  const int second = choice.take_one(kSeconds);
  plan.second = static_cast<Second>(second + 1);
  if (ways == 1) return plan.operation != Operation::average && declare(choice, plan, true) ? scalar : nullptr;
  // Only .add accumulates, and never saturates.
  if (second > 0 || (second == 0 && plan.saturate) || is_shift) return nullptr;
  plan.a.bits = static_cast<uint8_t>(32 / ways);
  return declare(choice, plan, false) ? packed : nullptr;
}

// vmad.dtype.atype.btype{.po}{.sat}{.shr7|.shr15} d, a, b, c;
Handler choose_multiply_add(Choice& choice) {
  static constexpr const char* kScales[] = {"shr7", "shr15"};
  Plan plan{};
  plan.a = plan.b = plan.result = Part{};
  if (!take_types(choice, plan, true)) return nullptr;
  plan.plus_one = choice.take("po");
  plan.saturate = choice.take("sat");
  const int scale = choice.take_one(kScales);
  plan.scale = scale < 0 ? 0 : scale == 0 ? 7 : 15;
  if (plan.signed_result != (plan.signed_a || plan.signed_b)) return nullptr;
  return declare(choice, plan, true) && plan.second == Second::none ? multiply_add : nullptr;
}

constexpr OpcodeRow kRows[] = {
    {"vadd", kAnyType, choose_video, "9.7.18.1"},      {"vsub", kAnyType, choose_video, "9.7.18.1"},
    {"vabsdiff", kAnyType, choose_video, "9.7.18.1"},  {"vmin", kAnyType, choose_video, "9.7.18.1"},
    {"vmax", kAnyType, choose_video, "9.7.18.1"},      {"vshl", kAnyType, choose_video, "9.7.18.2"},
    {"vshr", kAnyType, choose_video, "9.7.18.2"},      {"vmad", kAnyType, choose_multiply_add, "9.7.18.3"},
    {"vset", kAnyType, choose_video, "9.7.18.4"},      {"vadd2", kAnyType, choose_video, "9.7.18.5"},
    {"vsub2", kAnyType, choose_video, "9.7.18.5"},     {"vavrg2", kAnyType, choose_video, "9.7.18.5"},
    {"vabsdiff2", kAnyType, choose_video, "9.7.18.5"}, {"vmin2", kAnyType, choose_video, "9.7.18.5"},
    {"vmax2", kAnyType, choose_video, "9.7.18.5"},     {"vset2", kAnyType, choose_video, "9.7.18.6"},
    {"vadd4", kAnyType, choose_video, "9.7.18.7"},     {"vsub4", kAnyType, choose_video, "9.7.18.7"},
    {"vavrg4", kAnyType, choose_video, "9.7.18.7"},    {"vabsdiff4", kAnyType, choose_video, "9.7.18.7"},
    {"vmin4", kAnyType, choose_video, "9.7.18.7"},     {"vmax4", kAnyType, choose_video, "9.7.18.7"},
    {"vset4", kAnyType, choose_video, "9.7.18.8"},
};

}  // namespace
VGPU_SOFT_ROWS(video, kRows)
}  // namespace vgpu::soft::VGPU_ISA
