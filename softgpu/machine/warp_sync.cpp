// SPDX-License-Identifier: Apache-2.0
// Instructions between the lanes of a warp: shfl (PTX ISA 9.7.9.6), vote, match, activemask, redux, elect (9.7.13.8 to
// 9.7.13.15), bar.warp.sync (9.7.13.2). A lane shows its value, waits until all members are there, wherever in the
// program they come from, and then each split finishes its own instruction with the values shown.
#include <bit>

#include "softgpu/machine/block.h"
#include "softgpu/machine/opcodes.h"
#include "softgpu/machine/schedule.h"

namespace vgpu::soft::portable {
namespace {

unsigned first_lane(LaneMask mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

template <class F>
void for_each(LaneMask mask, F action) {
  for (; mask != 0; mask &= mask - 1) action(first_lane(mask));
}

// Lanes with the same member mask form a group. Those that are complete finish first, because waiting may make another
// split the running one.
void synchronise(Warp& warp, const Instruction& instruction, LaneMask mask, unsigned members_operand,
                 Complete complete) {
  const uint32_t* members = warp.row<uint32_t>(instruction.operand[members_operand]);
  LaneMask groups[kLanes];
  uint32_t group_members[kLanes];
  unsigned count = 0;
  for (LaneMask rest = mask; rest != 0;) {
    const uint32_t wanted = members[first_lane(rest)];
    LaneMask group = 0;
    for (unsigned i = 0; i < kLanes; ++i) group |= members[i] == wanted ? LaneMask{1} << i : 0;
    group &= rest;
    rest &= ~group;
    if ((wanted & warp.live & ~group) == 0) {
      complete(warp, instruction, group, wanted | group);
    } else {
      groups[count] = group;
      group_members[count++] = wanted;
    }
  }
  for (unsigned i = 0; i < count; ++i) {
    warp.schedule->synchronise(instruction, groups[i], group_members[i], complete);
  }
}

// shfl: operands d, p, a, b, c, members.
enum class Shuffle { up, down, bfly, idx };

template <Shuffle kMode>
void complete_shuffle(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask members) {
  const uint32_t* shown = reinterpret_cast<const uint32_t*>(warp.exchange);
  const uint32_t* b = warp.row<uint32_t>(instruction.operand[3]);
  const uint32_t* c = warp.row<uint32_t>(instruction.operand[4]);
  uint32_t result[kLanes];
  LaneMask inside = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    const uint32_t segment = c[lane] >> 8 & 31u;
    const uint32_t amount = b[lane] & 31u;
    const uint32_t lowest = lane & segment;
    const uint32_t limit = lowest | (c[lane] & 31u & ~segment);
    uint32_t from = 0;
    bool good = false;
    if constexpr (kMode == Shuffle::up) {
      from = lane - amount;
      good = static_cast<int32_t>(from) >= static_cast<int32_t>(limit);
    } else if constexpr (kMode == Shuffle::down) {
      from = lane + amount;
      good = from <= limit;
    } else if constexpr (kMode == Shuffle::bfly) {
      from = lane ^ amount;
      good = from <= limit;
    } else {
      from = lowest | (amount & ~segment);
      good = from <= limit;
    }
    inside |= good ? LaneMask{1} << lane : 0;
    from = good ? from & 31u : lane;
    // The value of a lane that takes no part is undefined; a lane's own is as good as any.
    result[lane] = shown[(members >> from & 1u) != 0 ? from : lane];
  }
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  for (unsigned lane = 0; lane < kLanes; ++lane) d[lane] = (mask >> lane & 1u) != 0 ? result[lane] : d[lane];
  warp.set_predicate(instruction.operand[1], inside, mask);
}

template <class T>
void show(Warp& warp, Operand operand, LaneMask mask) {
  const T* row = warp.row<T>(operand);
  T* shown = reinterpret_cast<T*>(warp.exchange);
  for (unsigned lane = 0; lane < kLanes; ++lane) shown[lane] = (mask >> lane & 1u) != 0 ? row[lane] : shown[lane];
}

bool is_uniform(const uint32_t* row) {
  uint32_t differs = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane) differs |= row[lane] ^ row[0];
  return differs == 0;
}

// The usual case: the whole warp is here and moves by the same amount.
template <Shuffle kMode>
void shuffle_whole(Warp& warp, const Instruction& instruction, uint32_t amount, uint32_t clamp) {
  const uint32_t* a = warp.row<uint32_t>(instruction.operand[2]);
  const uint32_t segment = clamp >> 8 & 31u;
  const uint32_t limit_bits = clamp & 31u & ~segment;
  amount &= 31u;
  uint32_t result[kLanes];
  uint32_t inside[kLanes];
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    const uint32_t lowest = lane & segment;
    const uint32_t limit = lowest | limit_bits;
    const uint32_t from = kMode == Shuffle::up     ? lane - amount
                          : kMode == Shuffle::down ? lane + amount
                          : kMode == Shuffle::bfly ? lane ^ amount
                                                   : lowest | (amount & ~segment);
    const bool good = kMode == Shuffle::up ? static_cast<int32_t>(from) >= static_cast<int32_t>(limit)
                                           : static_cast<int32_t>(from) <= static_cast<int32_t>(limit);
    inside[lane] = good ? LaneMask{1} << lane : 0;
    result[lane] = good ? from : lane;
  }
  LaneMask all_inside = 0;
  for (unsigned lane = 0; lane < kLanes; ++lane) all_inside |= inside[lane];
  for (unsigned lane = 0; lane < kLanes; ++lane) result[lane] = a[result[lane] & 31u];
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  for (unsigned lane = 0; lane < kLanes; ++lane) d[lane] = result[lane];
  warp.predicate(instruction.operand[1]) = all_inside;
}

template <Shuffle kMode>
void shuffle(Warp& warp, const Instruction& instruction, LaneMask mask) {
  if (mask == kAllLanes) {
    const uint32_t* b = warp.row<uint32_t>(instruction.operand[3]);
    const uint32_t* c = warp.row<uint32_t>(instruction.operand[4]);
    const uint32_t* members = warp.row<uint32_t>(instruction.operand[5]);
    if (members[0] == kAllLanes && is_uniform(members) && is_uniform(b) && is_uniform(c)) {
      return shuffle_whole<kMode>(warp, instruction, b[0], c[0]);
    }
  }
  show<uint32_t>(warp, instruction.operand[2], mask);
  synchronise(warp, instruction, mask, 5, complete_shuffle<kMode>);
}

// Without .sync (before PTX 6.4): the lanes that happen to execute it together.
template <Shuffle kMode>
void shuffle_active(Warp& warp, const Instruction& instruction, LaneMask mask) {
  show<uint32_t>(warp, instruction.operand[2], mask);
  complete_shuffle<kMode>(warp, instruction, mask, mask);
}

// vote: operands d or p, a, members.
enum class Vote { all, any, uni, ballot };

template <Vote kMode>
void complete_vote(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask members) {
  const LaneMask voters = members & warp.live;
  const LaneMask yes = warp.exchanged & voters;
  if constexpr (kMode == Vote::ballot) {
    uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
    for_each(mask, [&](unsigned lane) { d[lane] = yes; });
  } else {
    const bool result = kMode == Vote::all ? yes == voters : kMode == Vote::any ? yes != 0 : yes == 0 || yes == voters;
    warp.set_predicate(instruction.operand[0], result ? kAllLanes : 0, mask);
  }
}

void show_predicate(Warp& warp, Operand operand, LaneMask mask) {
  warp.exchanged = (warp.exchanged & ~mask) | (warp.predicate(operand) & mask);
}

template <Vote kMode>
void vote(Warp& warp, const Instruction& instruction, LaneMask mask) {
  show_predicate(warp, instruction.operand[1], mask);
  synchronise(warp, instruction, mask, 2, complete_vote<kMode>);
}

template <Vote kMode>
void vote_active(Warp& warp, const Instruction& instruction, LaneMask mask) {
  show_predicate(warp, instruction.operand[1], mask);
  complete_vote<kMode>(warp, instruction, mask, mask);
}

// match: operands d, [p,] a, members. All lanes are compared, and those that show nothing left out: without a branch.
template <class T>
LaneMask equal_lanes(const Warp& warp, LaneMask among, unsigned lane) {
  const T* shown = reinterpret_cast<const T*>(warp.exchange);
  const T value = shown[lane];
  LaneMask equal = 0;
  for (unsigned other = 0; other < kLanes; ++other) equal |= LaneMask{shown[other] == value} << other;
  return equal & among;
}

template <class T>
void complete_match_any(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask members) {
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  for (LaneMask rest = mask; rest != 0;) {
    const unsigned lane = first_lane(rest);
    const LaneMask equal = equal_lanes<T>(warp, members & warp.live, lane);
    for_each(equal & rest, [&](unsigned other) { d[other] = equal; });
    rest &= ~(equal | LaneMask{1} << lane);
  }
}

template <class T>
void complete_match_all(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask members) {
  const LaneMask among = members & warp.live;
  const bool all = equal_lanes<T>(warp, among, first_lane(mask)) == among;
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  for_each(mask, [&](unsigned lane) { d[lane] = all ? members : 0; });
  warp.set_predicate(instruction.operand[1], all ? kAllLanes : 0, mask);
}

template <class T>
void match_any(Warp& warp, const Instruction& instruction, LaneMask mask) {
  show<T>(warp, instruction.operand[1], mask);
  synchronise(warp, instruction, mask, 2, complete_match_any<T>);
}

template <class T>
void match_all(Warp& warp, const Instruction& instruction, LaneMask mask) {
  show<T>(warp, instruction.operand[2], mask);
  synchronise(warp, instruction, mask, 3, complete_match_all<T>);
}

// redux: operands d, a, members.
struct Add {
  static uint32_t apply(uint32_t a, uint32_t b) { return a + b; }
};
struct And {
  static uint32_t apply(uint32_t a, uint32_t b) { return a & b; }
};
struct Or {
  static uint32_t apply(uint32_t a, uint32_t b) { return a | b; }
};
struct Xor {
  static uint32_t apply(uint32_t a, uint32_t b) { return a ^ b; }
};
template <class T>
struct Min {
  static uint32_t apply(uint32_t a, uint32_t b) { return static_cast<T>(a) < static_cast<T>(b) ? a : b; }
};
template <class T>
struct Max {
  static uint32_t apply(uint32_t a, uint32_t b) { return static_cast<T>(a) > static_cast<T>(b) ? a : b; }
};

template <class Op>
void complete_redux(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask members) {
  const uint32_t* shown = reinterpret_cast<const uint32_t*>(warp.exchange);
  const LaneMask among = members & warp.live;
  uint32_t value = shown[first_lane(among)];
  for_each(among & (among - 1), [&](unsigned lane) { value = Op::apply(value, shown[lane]); });
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  for_each(mask, [&](unsigned lane) { d[lane] = value; });
}

template <class Op>
void redux(Warp& warp, const Instruction& instruction, LaneMask mask) {
  show<uint32_t>(warp, instruction.operand[1], mask);
  synchronise(warp, instruction, mask, 2, complete_redux<Op>);
}

// elect: operands d, p, members. bar.warp.sync: members.
void complete_elect(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask members) {
  const unsigned leader = first_lane(members & warp.live);
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  for_each(mask, [&](unsigned lane) { d[lane] = leader; });
  warp.set_predicate(instruction.operand[1], LaneMask{1} << leader, mask);
}

void elect(Warp& warp, const Instruction& instruction, LaneMask mask) {
  synchronise(warp, instruction, mask, 2, complete_elect);
}

void complete_nothing(Warp&, const Instruction&, LaneMask, LaneMask) {}

void warp_barrier(Warp& warp, const Instruction& instruction, LaneMask mask) {
  synchronise(warp, instruction, mask, 0, complete_nothing);
}

void activemask(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  for_each(mask, [&](unsigned lane) { d[lane] = mask; });
}

Handler choose_shuffle(Choice& choice) {
  static constexpr const char* kModes[] = {"up", "down", "bfly", "idx"};
  static constexpr Handler kSync[] = {shuffle<Shuffle::up>, shuffle<Shuffle::down>, shuffle<Shuffle::bfly>,
                                      shuffle<Shuffle::idx>};
  static constexpr Handler kActive[] = {shuffle_active<Shuffle::up>, shuffle_active<Shuffle::down>,
                                        shuffle_active<Shuffle::bfly>, shuffle_active<Shuffle::idx>};
  const bool sync = choice.take("sync");
  const int mode = choice.take_one(kModes);
  if (mode < 0 || choice.take_type() != Type::b32) return nullptr;
  choice.result(Type::b32);
  choice.second_result(Type::pred);
  for (int i = 0; i < (sync ? 4 : 3); ++i) choice.source(Type::b32);
  return sync ? kSync[mode] : kActive[mode];
}

Handler choose_vote(Choice& choice) {
  static constexpr const char* kModes[] = {"all", "any", "uni", "ballot"};
  static constexpr Handler kSync[] = {vote<Vote::all>, vote<Vote::any>, vote<Vote::uni>, vote<Vote::ballot>};
  static constexpr Handler kActive[] = {vote_active<Vote::all>, vote_active<Vote::any>, vote_active<Vote::uni>,
                                        vote_active<Vote::ballot>};
  const bool sync = choice.take("sync");
  const int mode = choice.take_one(kModes);
  const Type type = choice.take_type();
  if (mode < 0 || type != (mode == 3 ? Type::b32 : Type::pred)) return nullptr;
  choice.result(type);
  choice.source(Type::pred);
  if (sync) choice.source(Type::b32);
  return sync ? kSync[mode] : kActive[mode];
}

Handler choose_match(Choice& choice) {
  static constexpr const char* kModes[] = {"any", "all"};
  const int mode = choice.take_one(kModes);
  choice.take("sync");
  const Type type = choice.take_type();
  choice.result(Type::b32);
  if (mode == 1) choice.second_result(Type::pred);
  choice.source(type);
  choice.source(Type::b32);
  if (mode < 0) return nullptr;
  if (type == Type::b32) return mode == 0 ? match_any<uint32_t> : match_all<uint32_t>;
  if (type == Type::b64) return mode == 0 ? match_any<uint64_t> : match_all<uint64_t>;
  return nullptr;
}

Handler choose_redux(Choice& choice) {
  static constexpr const char* kOperations[] = {"add", "min", "max", "and", "or", "xor"};
  choice.take("sync");
  const int operation = choice.take_one(kOperations);
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(Type::b32);
  const bool sign = type == Type::s32;
  if (operation >= 0 && operation < 3 && type != Type::u32 && !sign) return nullptr;
  if (operation >= 3 && type != Type::b32) return nullptr;
  switch (operation) {
    case 0: return redux<Add>;
    case 1: return sign ? redux<Min<int32_t>> : redux<Min<uint32_t>>;
    case 2: return sign ? redux<Max<int32_t>> : redux<Max<uint32_t>>;
    case 3: return redux<And>;
    case 4: return redux<Or>;
    case 5: return redux<Xor>;
    default: return nullptr;
  }
}

Handler choose_elect(Choice& choice) {
  choice.take("sync");
  choice.result(Type::b32);
  choice.second_result(Type::pred);
  choice.source(Type::b32);
  return elect;
}

Handler choose_warp_barrier(Choice& choice) {
  if (!choice.take("warp") || !choice.take("sync")) return nullptr;
  choice.source(Type::b32);
  return warp_barrier;
}

Handler choose_activemask(Choice& choice) {
  if (choice.take_type() != Type::b32) return nullptr;
  choice.result(Type::b32);
  return activemask;
}

constexpr OpcodeRow kRows[] = {
    {"shfl", kAnyType, choose_shuffle, "9.7.9.6"},      {"vote", kAnyType, choose_vote, "9.7.13.9"},
    {"match", kAnyType, choose_match, "9.7.13.10"},     {"activemask", kAnyType, choose_activemask, "9.7.13.11"},
    {"redux", kAnyType, choose_redux, "9.7.13.12"},     {"elect", kAnyType, choose_elect, "9.7.13.15"},
    {"bar", kAnyType, choose_warp_barrier, "9.7.13.2"},
};

}  // namespace
VGPU_SOFT_ROWS(warp_sync, kRows)
}  // namespace vgpu::soft::portable
