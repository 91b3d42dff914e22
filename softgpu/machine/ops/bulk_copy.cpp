// SPDX-License-Identifier: Apache-2.0
// cp.async.bulk and cp.reduce.async.bulk (PTX ISA 9.7.9.25.4), without tensors. See bulk_copy.h.
#include "softgpu/machine/ops/bulk_copy.h"

#include "softgpu/machine/cluster_address.h"
#include "softgpu/machine/ops/bulk_reduction.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr uint32_t kUnit = 16;  // bytes: sizes and addresses are multiples
// aux: spaces, widths of the addresses, how completion is told. The immediate: which operand says what bytes are
// copied.
constexpr uint8_t kToShared = 1, kFromShared = 2, kWideTo = 4, kWideFrom = 8, kReports = 16, kWideBarrier = 32,
                  kMulticast = 64, kMasked = 128;
// Operands: destination, source, size, and perhaps the mbarrier and the mask of blocks; an address takes two.
constexpr unsigned kTo = 0, kFrom = 2, kSize = 4, kBarrier = 5, kBlocks = 7;
static_assert(kBlocks >= kInlineOperands);  // so it is always in Instruction::more

// A bit of `bytes` for each byte of the unit.
using Transfer = void (*)(std::byte* to, const std::byte* from, uint32_t bytes);

// transfer(to, from, bytes) for each 16 bytes of a lane's copy to `to`, and the report to `barrier`. False after a
// fault.
bool move_units(Warp& warp, const Instruction& instruction, unsigned lane, uint64_t to, uint64_t barrier,
                Transfer transfer) {
  const uint8_t aux = instruction.aux;
  const Space to_space = (aux & kToShared) != 0 ? Space::shared : Space::global;
  const Space from_space = (aux & kFromShared) != 0 ? Space::shared : Space::global;
  const uint32_t size = warp.row<uint32_t>(instruction.at(kSize))[lane];
  const uint64_t from = address_at(warp, instruction, kFrom, (aux & kWideFrom) != 0, lane);
  const auto bytes_operand = static_cast<unsigned>(instruction.immediate);
  const uint32_t bytes = (aux & kMasked) != 0 ? warp.row<uint16_t>(instruction.at(bytes_operand))[lane] : 0xffff;
  for (uint32_t done = 0; done < size; done += kUnit) {
    std::byte* source = resolve(warp, instruction, lane, from_space, from + done, kUnit, false);
    if (source == nullptr) return false;
    std::byte* destination = resolve(warp, instruction, lane, to_space, to + done, kUnit, true);
    if (destination == nullptr) return false;
    transfer(destination, source, bytes);
  }
  return (aux & kReports) == 0 || report_bytes(warp, instruction, barrier, lane, size);
}

// Each lane's copy.
void for_units(Warp& warp, const Instruction& instruction, LaneMask mask, Transfer transfer) {
  const uint8_t aux = instruction.aux;
  warp.synchronising = true;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(__builtin_ctz(rest));
    const uint32_t size = warp.row<uint32_t>(instruction.at(kSize))[lane];
    if (size % kUnit != 0) {
      return warp.fault(CUDA_ERROR_ILLEGAL_INSTRUCTION, instruction, lane,
                        "bulk copy of a size that is no multiple of 16", size);
    }
    const uint64_t to = address_at(warp, instruction, kTo, (aux & kWideTo) != 0, lane);
    const uint64_t barrier =
        (aux & kReports) != 0 ? address_at(warp, instruction, kBarrier, (aux & kWideBarrier) != 0, lane) : 0;
    if ((aux & kMulticast) == 0) {
      if (!move_units(warp, instruction, lane, to, barrier, transfer)) return;
      continue;
    }
    // To the same place in each block, whose own mbarrier is told.
    const uint16_t blocks = warp.row<uint16_t>(instruction.more[kBlocks])[lane];
    for (uint32_t rank = 0; rank < blocks_of_cluster(warp); ++rank) {
      if ((blocks >> rank & 1) == 0) continue;
      const uint32_t there = shared_address_of(warp, rank, static_cast<uint32_t>(to));
      const uint32_t told = shared_address_of(warp, rank, static_cast<uint32_t>(barrier));
      if (!move_units(warp, instruction, lane, there, told, transfer)) return;
    }
  }
}

void copy(Warp& warp, const Instruction& instruction, LaneMask mask) {
  for_units(warp, instruction, mask,
            [](std::byte* to, const std::byte* from, uint32_t) { __builtin_memmove(to, from, kUnit); });
}

void copy_some(Warp& warp, const Instruction& instruction, LaneMask mask) {
  for_units(warp, instruction, mask, [](std::byte* to, const std::byte* from, uint32_t bytes) {
    for (unsigned i = 0; i < kUnit; ++i)
      if ((bytes >> i & 1) != 0) to[i] = from[i];
  });
}

template <class Op, class T>
void reduce(Warp& warp, const Instruction& instruction, LaneMask mask) {
  for_units(warp, instruction, mask, [](std::byte* to, const std::byte* from, uint32_t) {
    for (unsigned i = 0; i < kUnit; i += sizeof(T))
      change<Op>(reinterpret_cast<T*>(to + i), *reinterpret_cast<const T*>(from + i), T{});
  });
}

void nothing(Warp&, const Instruction&, LaneMask) {}

// Both spaces and how completion is told; false when the combination does not exist.
bool take_direction(Choice& choice, uint8_t& aux) {
  static constexpr const char* kSpaces[] = {"global", "shared::cta", "shared::cluster"};
  const int to = choice.take_first(kSpaces), from = choice.take_first(kSpaces);
  if (to < 0 || from < 0 || from == 2 || (to == 0 && from == 0) || (to == 1 && from == 1)) return false;
  aux = static_cast<uint8_t>((to != 0 ? kToShared : 0) | (from != 0 ? kFromShared : 0));
  if (to == 0) return choice.take("bulk_group");
  aux |= kReports;
  return choice.take("mbarrier::complete_tx::bytes");
}

// The operands behind the modifiers.
void declare_operands(Choice& choice, uint8_t aux, bool policy) {
  if (declare_address(choice) == 64) aux |= kWideTo;
  if (declare_address(choice) == 64) aux |= kWideFrom;
  choice.source(Type::u32);
  if ((aux & kReports) != 0 && declare_address(choice) == 64) aux |= kWideBarrier;
  if ((aux & kMulticast) != 0) choice.source(Type::u16);
  if (policy) choice.source(Type::b64);
  if ((aux & kMasked) != 0) {
    choice.set_immediate(policy ? kBarrier + 1 : kBarrier);
    choice.source(Type::b16);
  }
  choice.set_aux(aux);
}

Handler choose_prefetch(Choice& choice) {
  if (!choice.take("L2") || !choice.take("global")) return nullptr;
  const bool policy = choice.take("L2::cache_hint");
  if (declare_address(choice) != 64) return nullptr;
  choice.source(Type::u32);
  if (policy) choice.source(Type::b64);
  return nothing;
}

Handler choose_copy(Choice& choice) {
  if (!choice.take("async") || !choice.take("bulk")) return nullptr;
  if (choice.take("commit_group")) return nothing;
  if (choice.take("wait_group")) {
    choice.take("read");
    choice.constant();
    return nothing;
  }
  if (choice.take("prefetch")) return choose_prefetch(choice);
  uint8_t aux = 0;
  if (!take_direction(choice, aux)) return nullptr;
  // Only what comes from global memory can go to several blocks.
  if (aux == (kToShared | kReports) && choice.take("multicast::cluster")) aux |= kMulticast;
  const bool policy = (aux & (kToShared | kFromShared)) != (kToShared | kFromShared) && choice.take("L2::cache_hint");
  if ((aux & kToShared) == 0 && choice.take("cp_mask")) aux |= kMasked;
  declare_operands(choice, aux, policy);
  return (aux & kMasked) != 0 ? copy_some : copy;
}

struct ReductionHandler {
  using Made = Handler;
  template <class Op, class T>
  static Handler make() {
    return reduce<Op, T>;
  }
};

// cp.reduce.async.bulk.dst.src.completion{.L2::cache_hint}.op{.noftz}.type [d], [s], size{, [mbarrier]}{, policy};
Handler choose_reduction(Choice& choice) {
  if (!choice.take("reduce") || !choice.take("async") || !choice.take("bulk")) return nullptr;
  uint8_t aux = 0;
  if (!take_direction(choice, aux) || (aux & kFromShared) == 0) return nullptr;
  const bool global = (aux & kToShared) == 0, policy = global && choice.take("L2::cache_hint");
  const int operation = choice.take_one(kBulkReductions);
  const bool no_flush = choice.take("noftz");
  const Type type = choice.take_type();
  // The sum of halves is the one operation that could flush.
  if (no_flush != (operation == 0 && contains(kHalves, type))) return nullptr;
  declare_operands(choice, aux, policy);
  return pick_bulk_reduction<ReductionHandler>(operation, type, global);
}

constexpr OpcodeRow kRows[] = {
    {"cp", kAnyType, choose_copy, "9.7.9.25.4.1"},
    {"cp", kAnyType, choose_reduction, "9.7.9.25.4.2"},
};

}  // namespace
VGPU_SOFT_ROWS(bulk_copy, kRows)
}  // namespace vgpu::soft::VGPU_ISA
