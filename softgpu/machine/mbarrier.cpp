// SPDX-License-Identifier: Apache-2.0
// mbarrier.* and cp.async.mbarrier.arrive (PTX ISA 9.7.13.16). Waiting never blocks here: try_wait answers at once, as
// it may, and the loop around it gives way to other warps. Copies are done when they are issued, so an arrival that is
// to follow them is made at once.
#include "softgpu/machine/mbarrier.h"

#include "softgpu/machine/memory.h"
#include "softgpu/machine/opcodes.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft {

uint64_t* resolve_mbarrier(Warp& warp, const Instruction& instruction, unsigned lane, bool generic, uint64_t address) {
  // Only shared memory may hold the object; a generic address outside of its window faults as a shared one.
  const uint64_t inside = generic ? address - kSharedWindow : address;
  return reinterpret_cast<uint64_t*>(resolve(warp, instruction, lane, Space::shared, inside, 8, true));
}

namespace portable {
namespace {

constexpr uint8_t kGeneric = 1, kWide = 2, kDrop = 4, kNoIncrement = 8;  // aux

uint64_t address_of(Warp& warp, const Instruction& instruction, Operand base, unsigned lane) {
  const auto displacement = static_cast<uint64_t>(instruction.immediate);
  if ((instruction.aux & kWide) != 0) return warp.row<uint64_t>(base)[lane] + displacement;
  return static_cast<uint32_t>(warp.row<uint32_t>(base)[lane] + displacement);
}

// action(lane, object's word) for each lane, in order, until one faults.
template <class F>
void for_objects(Warp& warp, const Instruction& instruction, LaneMask mask, Operand base, F action) {
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(__builtin_ctz(rest));
    uint64_t* word = resolve_mbarrier(warp, instruction, lane, (instruction.aux & kGeneric) != 0,
                                      address_of(warp, instruction, base, lane));
    if (word == nullptr) return;
    action(lane, *word);
  }
}

// Operands: address, count.
void init(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint32_t* counts = warp.row<uint32_t>(instruction.operand[1]);
  for_objects(warp, instruction, mask, instruction.operand[0], [&](unsigned lane, uint64_t& word) {
    Mbarrier object;
    object.expected = object.pending = counts[lane];
    word = object.pack();
  });
}

void inval(Warp& warp, const Instruction& instruction, LaneMask mask) {
  for_objects(warp, instruction, mask, instruction.operand[0], [](unsigned, uint64_t& word) { word = 0; });
}

// Operands: address, bytes. kSign 1: the bytes have been copied; -1: they will be.
template <int kSign>
void count_bytes(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint32_t* bytes = warp.row<uint32_t>(instruction.operand[1]);
  warp.synchronising = true;
  for_objects(warp, instruction, mask, instruction.operand[0], [&](unsigned lane, uint64_t& word) {
    Mbarrier object = Mbarrier::unpack(word);
    object.complete(kSign * static_cast<int32_t>(bytes[lane]));
    word = object.pack();
  });
}

// Operands: state, address, count or bytes. The state is the object before the arrival.
template <bool kExpectBytes>
void arrive(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint64_t* states = warp.row<uint64_t>(instruction.operand[0]);
  const uint32_t* amounts = warp.row<uint32_t>(instruction.operand[2]);
  warp.synchronising = true;
  for_objects(warp, instruction, mask, instruction.operand[1], [&](unsigned lane, uint64_t& word) {
    const uint32_t count = kExpectBytes ? 1 : amounts[lane];
    Mbarrier object = Mbarrier::unpack(word);
    states[lane] = word;
    if (kExpectBytes) object.bytes += static_cast<int32_t>(amounts[lane]);
    if ((instruction.aux & kDrop) != 0) object.expected -= count;
    object.arrive(count);
    word = object.pack();
  });
}

// Operands: predicate, address, state. Only the state's phase matters.
void wait_state(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint64_t* states = warp.row<uint64_t>(instruction.operand[2]);
  LaneMask done = 0;
  warp.synchronising = true;
  for_objects(warp, instruction, mask, instruction.operand[1], [&](unsigned lane, uint64_t& word) {
    if (Mbarrier::unpack(word).odd != Mbarrier::unpack(states[lane]).odd) done |= LaneMask{1} << lane;
  });
  warp.set_predicate(instruction.operand[0], done, mask);
}

// Operands: predicate, address, parity. The phase of this parity is the current one or the one before.
void wait_parity(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint32_t* parities = warp.row<uint32_t>(instruction.operand[2]);
  LaneMask done = 0;
  warp.synchronising = true;
  for_objects(warp, instruction, mask, instruction.operand[1], [&](unsigned lane, uint64_t& word) {
    if (Mbarrier::unpack(word).odd != ((parities[lane] & 1u) != 0)) done |= LaneMask{1} << lane;
  });
  warp.set_predicate(instruction.operand[0], done, mask);
}

void pending_count(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  const uint64_t* states = warp.row<uint64_t>(instruction.operand[1]);
  for (unsigned i = 0; i < kLanes; ++i) d[i] = (mask >> i & 1u) != 0 ? Mbarrier::unpack(states[i]).pending : d[i];
}

// Operands: address. Without .noinc, the arrival is added to those that the phase waits for, and so changes nothing.
void arrive_after_copies(Warp& warp, const Instruction& instruction, LaneMask mask) {
  warp.synchronising = true;
  for_objects(warp, instruction, mask, instruction.operand[0], [&](unsigned, uint64_t& word) {
    if ((instruction.aux & kNoIncrement) == 0) return;
    Mbarrier object = Mbarrier::unpack(word);
    object.arrive(1);
    word = object.pack();
  });
}

struct Form {
  uint8_t aux = 0;
  bool cluster = false;  // .shared::cluster
};

Form take_space(Choice& choice) {
  static constexpr const char* kSpaces[] = {"shared", "shared::cta", "shared::cluster"};
  const int space = choice.take_one(kSpaces);
  return {space < 0 ? kGeneric : uint8_t{0}, space == 2};
}

// `.sem.scope` come together or not at all; false when the form does not exist.
bool take_semantics(Choice& choice, const char* strong) {
  static constexpr const char* kScopes[] = {"cta", "cluster"};
  const bool given = choice.take("relaxed") || (strong != nullptr && choice.take(strong));
  return (choice.take_one(kScopes) >= 0) == given;
}

void set_address(Choice& choice, Form& form) {
  if (choice.address() == 64) form.aux |= kWide;
  choice.set_aux(form.aux);
}

Handler choose_arrive(Choice& choice, bool drop) {
  const bool expect = choice.take("expect_tx"), no_complete = !expect && choice.take("noComplete");
  if (no_complete) {
    if (choice.take("release") != choice.take("cta")) return nullptr;
  } else if (!take_semantics(choice, "release")) {
    return nullptr;
  }
  Form form = take_space(choice);
  if (choice.take_type() != Type::b64) return nullptr;
  // The state of a phase elsewhere in the cluster cannot be had.
  if (form.cluster && (no_complete || choice.shape() != Shape::sink)) return nullptr;
  if (drop) form.aux |= kDrop;
  choice.result(Type::b64);
  set_address(choice, form);
  if (expect || no_complete || choice.more()) choice.source(Type::u32);
  else choice.source_value(Type::u32, 1);
  return expect ? arrive<true> : arrive<false>;
}

Handler choose_wait(Choice& choice, bool may_suspend) {
  const bool parity = choice.take("parity");
  if (!take_semantics(choice, "acquire")) return nullptr;
  Form form = take_space(choice);
  if (form.cluster || choice.take_type() != Type::b64) return nullptr;
  choice.result(Type::pred);
  set_address(choice, form);
  choice.source(parity ? Type::u32 : Type::b64);
  if (may_suspend && choice.more()) choice.source(Type::u32);  // the time it may take
  return parity ? wait_parity : wait_state;
}

Handler choose_count_bytes(Choice& choice, Handler handler) {
  if (!take_semantics(choice, nullptr)) return nullptr;
  Form form = take_space(choice);
  if (choice.take_type() != Type::b64) return nullptr;
  set_address(choice, form);
  choice.source(Type::u32);
  return handler;
}

Handler choose_init_or_inval(Choice& choice, bool with_count) {
  Form form = take_space(choice);
  if (form.cluster || choice.take_type() != Type::b64) return nullptr;
  set_address(choice, form);
  if (with_count) choice.source(Type::u32);
  return with_count ? init : inval;
}

Handler choose_mbarrier(Choice& choice) {
  if (choice.take("init")) return choose_init_or_inval(choice, true);
  if (choice.take("inval")) return choose_init_or_inval(choice, false);
  if (choice.take("arrive")) return choose_arrive(choice, false);
  if (choice.take("arrive_drop")) return choose_arrive(choice, true);
  if (choice.take("test_wait")) return choose_wait(choice, false);
  if (choice.take("try_wait")) return choose_wait(choice, true);
  if (choice.take("expect_tx")) return choose_count_bytes(choice, count_bytes<-1>);
  if (choice.take("complete_tx")) return choose_count_bytes(choice, count_bytes<1>);
  if (!choice.take("pending_count") || choice.take_type() != Type::b64) return nullptr;
  choice.result(Type::u32);
  choice.source(Type::b64);
  return pending_count;
}

// cp.async.mbarrier.arrive{.noinc}{.shared}.b64 [address];
Handler choose_copy_arrive(Choice& choice) {
  if (!choice.take("async") || !choice.take("mbarrier") || !choice.take("arrive")) return nullptr;
  const bool no_increment = choice.take("noinc");
  Form form = take_space(choice);
  if (form.cluster || choice.take_type() != Type::b64) return nullptr;
  if (no_increment) form.aux |= kNoIncrement;
  set_address(choice, form);
  return arrive_after_copies;
}

constexpr OpcodeRow kRows[] = {
    {"mbarrier", kAnyType, choose_mbarrier, "9.7.13.16"},
    {"cp", kAnyType, choose_copy_arrive, "9.7.13.16.16"},
};

}  // namespace
VGPU_SOFT_ROWS(mbarrier, kRows)
}  // namespace portable
}  // namespace vgpu::soft
