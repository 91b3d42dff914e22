// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/control.h"

#include <algorithm>
#include <bit>

#include "softgpu/machine/block.h"
#include "softgpu/machine/schedule.h"

namespace vgpu::soft {

namespace {

// A branch back that comes with an atomic or volatile access is perhaps waiting: it uses up the slice much faster.
constexpr int32_t kSpinCost = 64;

void count_back(Warp& warp) {
  if (warp.synchronising) {
    warp.synchronising = false;
    warp.spinning = true;
    warp.budget -= kSpinCost;
  }
  if (--warp.budget < 0) warp.stopped = true;
}

const Instruction* target_of(const Instruction& instruction) {
  return reinterpret_cast<const Instruction*>(instruction.immediate);
}

void go(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const BranchTarget& branch = *reinterpret_cast<const BranchTarget*>(instruction.immediate);
  if (mask == warp.active) {
    warp.pc = branch.target;
  } else {
    warp.schedule->diverge(mask, branch.target, branch.join);
  }
}

unsigned first_lane(LaneMask mask) { return static_cast<unsigned>(std::countr_zero(mask)); }

}  // namespace

void guarded(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const LaneMask guard = warp.predicate(instruction.guard);
  mask &= instruction.guard_negated ? ~guard : guard;
  if (mask != 0) instruction.body(warp, instruction, mask);
}

void jump(Warp& warp, const Instruction& instruction, LaneMask) { warp.pc = target_of(instruction); }

void jump_back(Warp& warp, const Instruction& instruction, LaneMask) {
  warp.pc = target_of(instruction);
  count_back(warp);
}

void branch(Warp& warp, const Instruction& instruction, LaneMask mask) { go(warp, instruction, mask); }

void branch_back(Warp& warp, const Instruction& instruction, LaneMask mask) {
  go(warp, instruction, mask);
  count_back(warp);
}

void branch_indexed(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const JumpTable& table = *reinterpret_cast<const JumpTable*>(instruction.immediate);
  const uint32_t* index = warp.row<uint32_t>(instruction.operand[0]);
  count_back(warp);
  while (mask != 0) {
    const unsigned lane = first_lane(mask);
    if (index[lane] >= table.targets.size()) {
      return warp.fault(CUDA_ERROR_ILLEGAL_INSTRUCTION, instruction, lane, "brx.idx index out of range", index[lane]);
    }
    const Instruction* target = table.targets[index[lane]];
    LaneMask same = 0;
    for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
      const unsigned other = first_lane(rest);
      if (index[other] < table.targets.size() && table.targets[index[other]] == target) same |= LaneMask{1} << other;
    }
    if (same == warp.active) {
      warp.pc = target;
      return;
    }
    warp.schedule->diverge(same, target, table.join);
    mask &= ~same;
  }
}

void reconverge(Warp& warp, const Instruction& instruction, LaneMask) {
  if (warp.join_pc == &instruction) warp.schedule->arrive();
}

void exit_lanes(Warp& warp, const Instruction&, LaneMask mask) { warp.schedule->exit(mask); }

void trap(Warp& warp, const Instruction& instruction, LaneMask mask) {
  warp.fault(CUDA_ERROR_LAUNCH_FAILED, instruction, first_lane(mask), "trap", 0);
}

// nanosleep: who sleeps has nothing to do, so the branch back to the next look ends the slice. Loops that are long
// because nothing in them was optimised would else look thousands of times before the others come to run.
void relax(Warp& warp, const Instruction&, LaneMask) {
  warp.synchronising = true;
  warp.budget = std::min(warp.budget, 0);
}

void no_operation(Warp&, const Instruction&, LaneMask) {}

void local_address(Warp& warp, const Instruction& instruction, LaneMask) {
  uint64_t* row = warp.row<uint64_t>(instruction.operand[0]);
  const uint64_t address = warp.local_base + static_cast<uint64_t>(instruction.immediate);
  std::fill_n(row, kLanes, address);
}

void allocate_local(Warp& warp, const Instruction& instruction, LaneMask mask) {
  Frame& frame = warp.schedule->frame();
  const uint64_t* sizes = warp.row<uint64_t>(instruction.operand[1]);
  uint64_t* row = warp.row<uint64_t>(instruction.operand[0]);
  const uint64_t alignment = static_cast<uint64_t>(instruction.immediate);
  uint64_t size = 0;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) size = std::max(size, sizes[first_lane(rest)]);
  const uint64_t address = (frame.local_top + alignment - 1) / alignment * alignment;
  if (size > warp.local_stride || address > warp.local_stride - size) {
    return warp.fault(CUDA_ERROR_HARDWARE_STACK_ERROR, instruction, first_lane(mask), "alloca: the stack is full",
                      size);
  }
  frame.local_top = static_cast<uint32_t>(address + size);
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) row[first_lane(rest)] = address;
}

void save_stack(Warp& warp, const Instruction& instruction, LaneMask mask) {
  uint64_t* row = warp.row<uint64_t>(instruction.operand[0]);
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) row[first_lane(rest)] = warp.schedule->frame().local_top;
}

void restore_stack(Warp& warp, const Instruction& instruction, LaneMask mask) {
  Frame& frame = warp.schedule->frame();
  // Lanes of this frame that are elsewhere may still use what they allocated.
  if (mask != frame.lanes) return;
  const uint64_t* row = warp.row<uint64_t>(instruction.operand[0]);
  uint64_t top = frame.local_base + frame.function->local_bytes;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) top = std::max(top, row[first_lane(rest)]);
  frame.local_top = static_cast<uint32_t>(std::min<uint64_t>(top, frame.local_top));
}

void invert_predicate(Warp& warp, const Instruction& instruction, LaneMask) {
  warp.predicate(instruction.operand[0]) = ~warp.predicate(instruction.operand[1]);
}

namespace {

template <class To, class From>
void resize_row(Warp& warp, const Instruction& instruction, LaneMask mask) {
  To* to = warp.row<To>(instruction.operand[0]);
  const From* from = warp.row<From>(instruction.operand[1]);
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    to[lane] = (mask >> lane & 1u) != 0 ? static_cast<To>(from[lane]) : to[lane];
  }
}

// Signed sources extend their sign when cast to the wider unsigned type.
template <class To>
Handler resize_to(unsigned from, bool sign) {
  switch (from) {
    case 8: return sign ? resize_row<To, int8_t> : Handler{resize_row<To, uint8_t>};
    case 16: return sign ? resize_row<To, int16_t> : Handler{resize_row<To, uint16_t>};
    case 32: return sign ? resize_row<To, int32_t> : Handler{resize_row<To, uint32_t>};
    case 64: return resize_row<To, uint64_t>;
    default: return nullptr;
  }
}

}  // namespace

Handler resize(unsigned to, unsigned from, bool sign) {
  switch (to) {
    case 8: return resize_to<uint8_t>(from, sign);
    case 16: return resize_to<uint16_t>(from, sign);
    case 32: return resize_to<uint32_t>(from, sign);
    case 64: return resize_to<uint64_t>(from, sign);
    default: return nullptr;
  }
}

}  // namespace vgpu::soft
