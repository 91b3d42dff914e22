// SPDX-License-Identifier: Apache-2.0
// Handlers of control flow, and the small ones that lowering adds around instructions (PTX ISA 9.7.12). They are not in
// the opcode table, because their operands are labels and lists; the lowering picks them by opcode.
#pragma once

#include "softgpu/machine/instruction.h"

namespace vgpu::soft {

// Restricts the mask by the guard predicate and calls the body, unless no lane is left.
void guarded(Warp& warp, const Instruction& instruction, LaneMask mask);

// `immediate` points to the target Instruction; all active lanes go there. `_back`: it is not behind the branch.
void jump(Warp& warp, const Instruction& instruction, LaneMask mask);
void jump_back(Warp& warp, const Instruction& instruction, LaneMask mask);
// `immediate` points to a BranchTarget; the lanes of the mask go there.
void branch(Warp& warp, const Instruction& instruction, LaneMask mask);
void branch_back(Warp& warp, const Instruction& instruction, LaneMask mask);
// `immediate` points to a JumpTable, operand[0] is the row of indices (u32).
void branch_indexed(Warp& warp, const Instruction& instruction, LaneMask mask);
// Stands where lanes that parted meet.
void reconverge(Warp& warp, const Instruction& instruction, LaneMask mask);

void exit_lanes(Warp& warp, const Instruction& instruction, LaneMask mask);
void trap(Warp& warp, const Instruction& instruction, LaneMask mask);
// Nothing to do here: nanosleep, hints. Lets others have their turn sooner.
void relax(Warp& warp, const Instruction& instruction, LaneMask mask);
void no_operation(Warp& warp, const Instruction& instruction, LaneMask mask);

// operand[0] = address of a local variable of this frame in local space, `immediate` bytes from the frame's begin
// (u64).
void local_address(Warp& warp, const Instruction& instruction, LaneMask mask);
// alloca: operand[0] = address (u64) of operand[1] bytes (u64) aligned to `immediate`.
void allocate_local(Warp& warp, const Instruction& instruction, LaneMask mask);
void save_stack(Warp& warp, const Instruction& instruction, LaneMask mask);
void restore_stack(Warp& warp, const Instruction& instruction, LaneMask mask);
// operand[0] = !operand[1], predicates.
void invert_predicate(Warp& warp, const Instruction& instruction, LaneMask mask);

// operand[0] (of `to` bits) = operand[1] (of `from` bits), cut, or extended with zeros or the sign.
Handler resize(unsigned to, unsigned from, bool sign);

}  // namespace vgpu::soft
