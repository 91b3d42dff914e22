// SPDX-License-Identifier: Apache-2.0
// cp.async from global to shared memory (PTX ISA 9.7.9.25.3). The copy is done at once, which the PTX ISA allows:
// nobody may look at the destination before waiting. So committing and waiting for groups do nothing.
#include "softgpu/machine/ops/memory_access.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr uint8_t kSourceSize = 32, kWideDestination = 64, kIgnoreSource = 128;  // aux, above the copied bytes

template <class A>
VGPU_INLINE void addresses_of(Warp& warp, Operand base, int32_t displacement, Addresses& out) {
  const A* row = warp.row<A>(base);
  for (unsigned i = 0; i < kLanes; ++i) out.at[i] = static_cast<A>(row[i] + static_cast<A>(displacement));
}

// The displacements share the immediate: the destination's in the lower half, the source's in the upper one. What a
// source is shorter than the copy is filled with zeros (9.7.9.25.3.1).
void copy(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint32_t bytes = instruction.aux & 31u;
  const bool limited = (instruction.aux & kSourceSize) != 0;
  Addresses to, from;
  const auto displacement = static_cast<int32_t>(instruction.immediate);
  if ((instruction.aux & kWideDestination) != 0) addresses_of<uint64_t>(warp, instruction.operand[0], displacement, to);
  else addresses_of<uint32_t>(warp, instruction.operand[0], displacement, to);
  addresses_of<uint64_t>(warp, instruction.operand[1], static_cast<int32_t>(instruction.immediate >> 32), from);
  uint32_t sizes[kLanes];
  if ((instruction.aux & kIgnoreSource) != 0) {
    const LaneMask ignored = warp.predicate(instruction.operand[2]);
    for (unsigned i = 0; i < kLanes; ++i) sizes[i] = (ignored >> i & 1u) != 0 ? 0 : bytes;
  } else {
    std::memcpy(sizes, warp.row<uint32_t>(instruction.operand[2]), sizeof sizes);
  }

  // A source of no bytes is not read, so its address need not be valid.
  LaneMask reading = mask;
  if (limited) for_each_lane(mask, [&](unsigned i) { reading &= sizes[i] == 0 ? ~(LaneMask{1} << i) : kAllLanes; });
  std::byte *destinations[kLanes], *sources[kLanes];
  if (!resolve_lanes(warp, instruction, reading, Space::global, from.at, bytes, false, sources)) return;
  if (!resolve_lanes(warp, instruction, mask, Space::shared, to.at, bytes, true, destinations)) return;
  for_each_lane(mask, [&](unsigned i) {
    const uint32_t wanted = limited && sizes[i] < bytes ? sizes[i] : bytes;
    if (wanted != 0) std::memcpy(destinations[i], sources[i], wanted);
    std::memset(destinations[i] + wanted, 0, bytes - wanted);
  });
}

void nothing(Warp&, const Instruction&, LaneMask) {}

bool take_spaces(Choice& choice) {
  static constexpr const char* kPrefetches[] = {"L2::64B", "L2::128B", "L2::256B"};
  choice.take_one(kPrefetches);
  static constexpr const char* kShared[] = {"shared", "shared::cta"};
  return choice.take_one(kShared) >= 0 && choice.take("global");
}

// cp.async.{ca|cg}.shared.global{.L2::cache_hint}{.L2::..} [d], [s], 4|8|16{, source size or ignore-source}{, policy};
Handler choose_copy(Choice& choice) {
  const bool all_levels = choice.take("ca");
  if ((!all_levels && !choice.take("cg")) || !take_spaces(choice)) return nullptr;
  const unsigned to_width = choice.address();
  const auto to = static_cast<uint32_t>(choice.immediate());
  if (choice.address() != 64) return nullptr;
  const auto from = static_cast<uint32_t>(choice.immediate());
  choice.set_immediate(static_cast<int64_t>(uint64_t{from} << 32 | to));
  const int64_t bytes = choice.constant();
  if (bytes != 16 && (!all_levels || (bytes != 4 && bytes != 8))) return nullptr;
  const bool policy = choice.take("L2::cache_hint");
  uint8_t aux = static_cast<uint8_t>(bytes | (to_width == 64 ? kWideDestination : 0));
  if (choice.shape() == Shape::predicate_register) {
    aux |= kSourceSize | kIgnoreSource;
    choice.source(Type::pred);
  } else if (choice.more() && !(policy && choice.width() == 64)) {
    aux |= kSourceSize;
    choice.source(Type::u32);
  } else {
    choice.source_value(Type::u32, static_cast<uint64_t>(bytes));
  }
  if (policy) choice.source(Type::b64);
  choice.set_aux(aux);
  return copy;
}

Handler choose_async(Choice& choice) {
  if (!choice.take("async")) return nullptr;
  if (choice.take("commit_group") || choice.take("wait_all")) return nothing;
  if (!choice.take("wait_group")) return choose_copy(choice);
  choice.constant();
  return nothing;
}

constexpr OpcodeRow kRows[] = {{"cp", kAnyType, choose_async, "9.7.9.25.3"}};

}  // namespace
VGPU_SOFT_ROWS(async_copy, kRows)
}  // namespace vgpu::soft::VGPU_ISA
