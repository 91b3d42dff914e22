// SPDX-License-Identifier: Apache-2.0
// What the asynchronous instructions that report to an mbarrier have in common: several addresses in one instruction,
// and the report (PTX ISA 9.7.9.25.4, 9.7.9.12, 9.7.13.8). They do their work at once, which nobody can tell from
// working later: the result may not be looked at before the mbarrier's phase, or the bulk group, is complete.
#pragma once

#include "softgpu/machine/mbarrier.h"
#include "softgpu/machine/ops/memory_access.h"

namespace vgpu::soft::VGPU_ISA {

// An address takes two operands: the base and a u64 row of the displacement.
VGPU_INLINE unsigned declare_address(Choice& choice) {
  const unsigned width = choice.address();
  choice.source_value(Type::u64, static_cast<uint64_t>(choice.immediate()));
  choice.set_immediate(0);
  return width;
}

VGPU_INLINE uint64_t address_at(Warp& warp, const Instruction& instruction, unsigned operand, bool wide,
                                unsigned lane) {
  const uint64_t displacement = warp.row<uint64_t>(instruction.at(operand + 1))[lane];
  if (wide) return warp.row<uint64_t>(instruction.at(operand))[lane] + displacement;
  return static_cast<uint32_t>(warp.row<uint32_t>(instruction.at(operand))[lane] + displacement);
}

// Tells the mbarrier at this address of the shared window that `bytes` have arrived. False after a fault.
VGPU_INLINE bool report_bytes(Warp& warp, const Instruction& instruction, uint64_t address, unsigned lane,
                              uint32_t bytes) {
  uint64_t* word = resolve_mbarrier(warp, instruction, lane, false, address);
  if (word == nullptr) return false;
  Mbarrier object = Mbarrier::unpack(*word);
  object.complete(static_cast<int32_t>(bytes));
  *word = object.pack();
  return true;
}

}  // namespace vgpu::soft::VGPU_ISA
