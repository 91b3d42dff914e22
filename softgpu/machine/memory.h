// SPDX-License-Identifier: Apache-2.0
// From addresses in a state space to host memory, with every check (PTX ISA 5.1, 6.4.1). The classes that touch memory
// try a fast path for the whole warp and come here otherwise. Runs on the thread of the warp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "softgpu/machine/instruction.h"
#include "softgpu/machine/warp.h"

namespace vgpu::soft {

enum class Space : uint8_t {
  generic,
  global,
  constant,
  shared,
  local,
  parameter,         // of a device function: in the frame's area
  kernel_parameter,  // of the launch
};

// The host address of `size` bytes at `address` for `lane`, or nullptr after a fault. `size` is a power of two and the
// required alignment, up to 32.
std::byte* resolve(Warp& warp, const Instruction& instruction, unsigned lane, Space space, uint64_t address,
                   uint32_t size, bool write);

// The same for each lane in `mask`: pointers[lane]. False after a fault.
bool resolve_lanes(Warp& warp, const Instruction& instruction, LaneMask mask, Space space, const uint64_t* addresses,
                   uint32_t size, bool write, std::byte** pointers);

// Whether [address, address + size) of global memory may be read, or written. No fault.
bool is_accessible(Warp& warp, const Instruction& instruction, uint64_t address, uint64_t size, bool write);

// The range of global memory with this address, which the instruction remembers from now on; nullptr: there is none.
const CachedRange* find_range(Warp& warp, const Instruction& instruction, uint64_t address);

// Where an instruction's recent range is kept.
VGPU_INLINE CachedRange& cached_range(Warp& warp, const Instruction& instruction) {
  return warp.ranges[reinterpret_cast<uintptr_t>(&instruction) / 64 % kCachedRanges];
}

}  // namespace vgpu::soft
