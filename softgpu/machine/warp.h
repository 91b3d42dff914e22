// SPDX-License-Identifier: Apache-2.0
// Warp: 32 lanes in lock step: where registers lie, which lanes run, and helpers to write handlers with. A warp belongs
// to the pool thread that runs its block at the moment, so nothing here is shared. The schedule (splits, joins,
// barriers) is in schedule.h; this header stays light because it is compiled for several instruction sets.
//
// What ops/ calls here is forced inline: an out-of-line copy compiled for a newer CPU could be the one that the linker
// keeps for all.
#pragma once

#include <cstddef>
#include <cstdint>

#include <cuda.h>

#include "softgpu/machine/instruction.h"

#define VGPU_INLINE [[gnu::always_inline]] inline

namespace vgpu::soft {

class Block;
class Schedule;

// A range of the MemoryMap that a recent access of this warp found.
struct CachedRange {
  uint64_t begin = 0;
  uint64_t size = 0;  // 0: empty
  uint64_t epoch = 0;
  uint64_t writable = 0;
};
inline constexpr unsigned kCachedRanges = 8;

class Warp {
 public:
  // The row of an operand. T must have the width that the chooser declared for it.
  template <class T>
  VGPU_INLINE T* row(Operand operand) {
    return reinterpret_cast<T*>(base[operand.bits & 3u] + (operand.bits & ~3u));
  }
  VGPU_INLINE LaneMask& predicate(Operand operand) { return *row<LaneMask>(operand); }

  // Writes a predicate's bits of the lanes in `mask`.
  VGPU_INLINE void set_predicate(Operand operand, LaneMask value, LaneMask mask) {
    LaneMask& row = predicate(operand);
    row = (row & ~mask) | (value & mask);
  }

  // Ends the launch with this fault, seen by `lane` at `instruction`. `detail` may be empty: "misaligned address 0x..".
  // The handler returns at once after it.
  void fault(CUresult code, const Instruction& instruction, unsigned lane, const char* detail, uint64_t address);

  // Hot state, first cache lines.
  std::byte* base[4] = {nullptr, nullptr, nullptr, nullptr};  // by Operand::Base
  const Instruction* pc = nullptr;  // the instruction after the one that executes
  LaneMask active = 0;              // lanes of the running split
  LaneMask carry = 0;               // CC.CF, a bit per lane
  bool stopped = false;             // leave the run loop after this handler
  int32_t budget = 0;               // backward branches until another split or warp gets a turn
  uint32_t spins = 0;               // backward branches with a synchronising access since the last turn
  bool synchronising = false;       // an atomic or volatile access happened since the last backward branch
  uint32_t index = 0;               // %warpid
  LaneMask live = 0;                // lanes that have not exited
  Block* block = nullptr;
  Schedule* schedule = nullptr;
  std::byte* shared = nullptr;      // the block's shared memory
  uint32_t shared_size = 0;         // bytes
  std::byte* local = nullptr;       // local memory of lane 0; lane i's is local_stride * i further
  uint32_t local_stride = 0;        // bytes per lane
  const std::byte* parameters = nullptr;  // of the kernel
  uint32_t parameter_size = 0;
  CachedRange ranges[kCachedRanges];
};

}  // namespace vgpu::soft
