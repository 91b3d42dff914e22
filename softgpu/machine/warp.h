// SPDX-License-Identifier: Apache-2.0
// Warp: 32 lanes in lock step: where registers lie, which lanes run, and helpers to write handlers with. A warp belongs
// to the pool thread that runs its block at the moment, so nothing here is shared. The schedule (splits, joins,
// barriers) is in schedule.h; this header stays light because it is compiled for several instruction sets.
//
// What ops/ calls here is forced inline: an out-of-line copy compiled for a newer CPU could be the one that the linker
// keeps for all.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <cuda.h>

#include "softgpu/machine/instruction.h"

#define VGPU_INLINE [[gnu::always_inline]] inline

namespace vgpu::soft {

class Block;
class MemoryMap;
class Schedule;

// A range of the MemoryMap that a recent access of this warp found; size 0: none.
struct CachedRange {
  uint64_t begin = 0;
  uint64_t size = 0;
  uint64_t writable_size = 0;  // size, or 0 when kernels may only read it
  uint64_t epoch = 0;
};
inline constexpr unsigned kCachedRanges = 16;

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
  const Instruction* pc = nullptr;                            // the instruction after the one that executes
  const Instruction* join_pc = nullptr;                       // where the running split joins others
  LaneMask active = 0;                                        // lanes of the running split
  LaneMask live = 0;                                          // lanes that have not exited
  LaneMask carry = 0;                                         // CC.CF, a bit per lane
  int32_t budget = 0;                     // backward branches until another split or warp gets a turn
  bool stopped = false;                   // leave the run loop after this handler
  bool synchronising = false;             // an atomic or volatile access happened since the last backward branch
  bool spinning = false;                  // so it was in this slice
  uint32_t index = 0;                     // %warpid
  std::byte* area = nullptr;              // the frame's parameter area of lane 0
  uint32_t area_stride = 0;               // bytes per lane
  uint32_t shared_size = 0;               // bytes
  std::byte* shared = nullptr;            // the block's shared memory
  std::byte* local = nullptr;             // local memory of lane 0
  uint32_t local_stride = 0;              // bytes per lane
  uint32_t local_base = 0;                // of the frame's local variables
  const std::byte* parameters = nullptr;  // of the kernel
  uint32_t parameter_size = 0;
  const MemoryMap* map = nullptr;
  const std::atomic<uint64_t>* map_epoch = nullptr;
  Block* block = nullptr;
  Schedule* schedule = nullptr;
  CachedRange ranges[kCachedRanges];
  // What lanes show each other in shfl, match and redux (values) and vote (predicates), while they wait or complete.
  LaneMask exchanged = 0;
  alignas(64) uint64_t exchange[kLanes] = {};
};

}  // namespace vgpu::soft
