// SPDX-License-Identifier: Apache-2.0
// What ld and st share: elements of an access, and how a wider register holds one of them. Included by the memory
// classes in ops/ only.
#pragma once

#include <type_traits>

#include "softgpu/machine/ops/memory_access.h"

namespace vgpu::soft::VGPU_ISA {

// Instruction::aux.
inline constexpr uint8_t kSynchronises = 1;  // volatile, relaxed, acquire, release: a loop with it may be waiting
inline constexpr uint8_t kVectorShift = 1;   // elements, in the upper bits

struct Bits128 {
  uint64_t low, high;
};

VGPU_INLINE unsigned elements_of(const Instruction& instruction) { return instruction.aux >> kVectorShift; }

template <class R, class M>
VGPU_INLINE R extend(M value) {
  if constexpr (std::is_same_v<M, Bits128>) {
    return value;
  } else {
    return static_cast<R>(value);
  }
}

VGPU_INLINE unsigned first_of(LaneMask mask) { return static_cast<unsigned>(__builtin_ctz(mask)); }

// Whether the active lanes access one element of `bytes` behind the other, as lanes do.
VGPU_INLINE bool is_ascending(const Addresses& addresses, LaneMask mask, uint64_t bytes) {
  const unsigned lane = first_of(mask);
  const uint64_t first = addresses.at[lane] - lane * bytes;
  uint64_t differs = 0;
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kLanes; ++i) {
    differs |= (0 - uint64_t{mask >> i & 1u}) & ((addresses.at[i] - i * bytes) ^ first);
  }
  return differs == 0;
}

// Of all 32 lanes, with vectors of `bytes` each; the addresses are inside.
VGPU_INLINE Pattern vector_pattern(const Addresses& addresses, const Place& place, uint64_t bytes) {
  if (place.stride != 0) return Pattern::any;
  const uint64_t step = addresses.at[1] - addresses.at[0];
  if (step != 0 && step != bytes) return Pattern::any;
  if (!is_regular<uint64_t, kLanes>(addresses.at, step)) return Pattern::any;
  return step == 0 ? Pattern::same : Pattern::ascending;
}

}  // namespace vgpu::soft::VGPU_ISA
