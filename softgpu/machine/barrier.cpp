// SPDX-License-Identifier: Apache-2.0
// bar, barrier (PTX ISA 9.7.13.1, 9.7.13.3) and barrier.cluster (9.7.13.4).
#include <bit>

#include "softgpu/machine/block.h"
#include "softgpu/machine/opcodes.h"
#include "softgpu/machine/schedule.h"

namespace vgpu::soft::portable {
namespace {

// Instruction::aux.
constexpr uint8_t kHasResult = 1;  // the operands begin with a result; so for all three reductions

struct Arrival {
  uint8_t id = 0;
  uint32_t expected = 0;
};

// The operands are the same for all lanes that take part.
bool read_arrival(Warp& warp, const Instruction& instruction, LaneMask mask, Arrival& arrival) {
  const unsigned lane = static_cast<unsigned>(std::countr_zero(mask));
  const unsigned first = (instruction.aux & kHasResult) != 0 ? 1 : 0;
  const uint32_t id = warp.row<uint32_t>(instruction.operand[first])[lane];
  arrival.expected = warp.row<uint32_t>(instruction.operand[first + 1])[lane];
  if (id >= kBarriers || arrival.expected % kLanes != 0) {
    warp.fault(CUDA_ERROR_ILLEGAL_INSTRUCTION, instruction, lane, "barrier number or thread count out of range", id);
    return false;
  }
  arrival.id = static_cast<uint8_t>(id);
  return true;
}

void sync(Warp& warp, const Instruction& instruction, LaneMask mask) {
  Arrival arrival;
  if (!read_arrival(warp, instruction, mask, arrival)) return;
  if (warp.block->arrive(warp, mask, arrival.id, arrival.expected, 0, nullptr)) return;
  warp.schedule->wait_at_barrier(instruction, mask, arrival.id);
}

void arrive(Warp& warp, const Instruction& instruction, LaneMask mask) {
  Arrival arrival;
  if (!read_arrival(warp, instruction, mask, arrival)) return;
  warp.block->arrive(warp, mask, arrival.id, arrival.expected, 0, nullptr);
}

// A barrier with a reduction writes its result when it opens.
enum class Reduce { popc, all, any };

template <Reduce kReduce>
void write_result(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const unsigned lane = static_cast<unsigned>(std::countr_zero(mask));
  const uint32_t id = warp.row<uint32_t>(instruction.operand[1])[lane] % kBarriers;
  const Block::Reduction& result = warp.block->reduction(static_cast<uint8_t>(id));
  if constexpr (kReduce == Reduce::popc) {
    uint32_t* row = warp.row<uint32_t>(instruction.operand[0]);
    for (LaneMask rest = mask; rest != 0; rest &= rest - 1) row[std::countr_zero(rest)] = result.count;
  } else {
    const bool value = kReduce == Reduce::all ? result.all : result.any;
    warp.set_predicate(instruction.operand[0], value ? kAllLanes : 0, mask);
  }
}

template <Reduce kReduce>
void reduce(Warp& warp, const Instruction& instruction, LaneMask mask) {
  Arrival arrival;
  if (!read_arrival(warp, instruction, mask, arrival)) return;
  const LaneMask predicate = warp.predicate(instruction.operand[3]);
  if (warp.block->arrive(warp, mask, arrival.id, arrival.expected, predicate, write_result<kReduce>)) {
    write_result<kReduce>(warp, instruction, mask);
    return;
  }
  warp.schedule->wait_at_barrier(instruction, mask, arrival.id);
}

// arrive does not block, wait blocks until all threads of the cluster have arrived in the present phase.
void cluster_arrive(Warp& warp, const Instruction&, LaneMask mask) {
  warp.block->arrive(warp, mask, kClusterBarrier, 0, 0, nullptr);
}

void cluster_wait(Warp& warp, const Instruction& instruction, LaneMask mask) {
  if (!warp.block->is_pending(warp, mask, kClusterBarrier)) return;
  warp.schedule->wait_at_barrier(instruction, mask, kClusterBarrier);
}

void declare_barrier(Choice& choice, bool count_required) {
  choice.source(Type::u32);
  if (choice.shape() == Shape::immediate || choice.shape() == Shape::reg) {
    choice.source(Type::u32);
  } else if (!count_required) {
    choice.source_value(Type::u32, 0);
  }
}

Handler choose_reduction(Choice& choice) {
  static constexpr const char* kOperations[] = {"popc", "and", "or"};
  const int operation = choice.take_one(kOperations);
  const Type type = choice.take_type();
  choice.set_aux(kHasResult);
  choice.result(type);
  declare_barrier(choice, false);
  choice.source(Type::pred);
  if (operation == 0 && type == Type::u32) return reduce<Reduce::popc>;
  if (operation == 1 && type == Type::pred) return reduce<Reduce::all>;
  if (operation == 2 && type == Type::pred) return reduce<Reduce::any>;
  return nullptr;
}

Handler choose_barrier(Choice& choice) {
  if (choice.take("cluster")) {
    choice.take("aligned");
    if (choice.take("arrive")) {
      static constexpr const char* kSemantics[] = {"release", "relaxed"};
      choice.take_one(kSemantics);
      return cluster_arrive;
    }
    choice.take("acquire");
    return choice.take("wait") ? cluster_wait : nullptr;
  }
  choice.take("cta");
  choice.take("aligned");
  if (choice.take("sync")) {
    declare_barrier(choice, false);
    return sync;
  }
  if (choice.take("arrive")) {
    declare_barrier(choice, true);
    return choice.slot_count() == 2 ? arrive : nullptr;
  }
  return choice.take("red") ? choose_reduction(choice) : nullptr;
}

constexpr OpcodeRow kRows[] = {
    {"bar", kAnyType, choose_barrier, "9.7.13.1"},
    {"barrier", kAnyType, choose_barrier, "9.7.13.1"},
};

}  // namespace
VGPU_SOFT_ROWS(barrier, kRows)
}  // namespace vgpu::soft::portable
