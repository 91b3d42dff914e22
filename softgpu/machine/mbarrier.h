// SPDX-License-Identifier: Apache-2.0
// An mbarrier object (PTX ISA 9.7.13.16): 64 bits of shared memory that count arrivals and bytes of asynchronous
// copies. Its form is ours; a program may only hold it and hand it back. Values; shared memory belongs to the thread
// that runs the block, so nothing here is atomic.
#pragma once

#include <cstdint>

#include "softgpu/machine/warp.h"

namespace vgpu::soft {

struct Mbarrier {
  uint32_t expected = 0;  // arrivals of each phase from the next on; 20 bits
  uint32_t pending = 0;   // arrivals that the current phase still needs; 20 bits
  bool odd = false;       // parity of the current phase
  int32_t bytes = 0;      // announced and not yet copied (the tx-count); 23 bits with the sign

  VGPU_INLINE static Mbarrier unpack(uint64_t word) {
    Mbarrier object;
    object.expected = static_cast<uint32_t>(word) & kCountMask;
    object.pending = static_cast<uint32_t>(word >> 20) & kCountMask;
    object.bytes = static_cast<int32_t>(static_cast<uint32_t>(word >> 40) << 9) >> 9;
    object.odd = (word >> 63) != 0;
    return object;
  }
  VGPU_INLINE uint64_t pack() const {
    return uint64_t{expected & kCountMask} | uint64_t{pending & kCountMask} << 20 |
           uint64_t{static_cast<uint32_t>(bytes) & 0x7fffffu} << 40 | uint64_t{odd} << 63;
  }

  VGPU_INLINE void arrive(uint32_t count) {
    pending -= count;
    finish_phase();
  }
  // Bytes were copied (negative: announced).
  VGPU_INLINE void complete(int32_t copied) {
    bytes -= copied;
    finish_phase();
  }

 private:
  static constexpr uint32_t kCountMask = 0xfffff;

  // A phase ends when nobody and nothing is missing; the next one begins at once.
  VGPU_INLINE void finish_phase() {
    if (pending != 0 || bytes != 0) return;
    pending = expected;
    odd = !odd;
  }
};

// The object at a shared-memory address, `generic` or of the shared window; nullptr after a fault.
uint64_t* resolve_mbarrier(Warp& warp, const Instruction& instruction, unsigned lane, bool generic, uint64_t address);

}  // namespace vgpu::soft
