// SPDX-License-Identifier: Apache-2.0
// Fast paths of memory accesses: the addresses of a whole warp, checked at once, in the patterns that matter (32
// elements in a row, one for all lanes, anything else). Included by the memory classes in ops/ only; see memory.h for
// the rest.
#pragma once

#include <cstring>

#include "softgpu/machine/memory.h"
#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {

// Addresses of all 32 lanes, displacement included; those of inactive lanes are arbitrary.
struct Addresses {
  alignas(64) uint64_t at[kLanes];
};

template <class A>
VGPU_INLINE void load_addresses(Warp& warp, const Instruction& instruction, Operand base, Addresses& out) {
  const A* row = warp.row<A>(base);
  const A displacement = static_cast<A>(instruction.immediate);
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kLanes; ++i) out.at[i] = static_cast<A>(row[i] + displacement);
}

// What addresses of a space may be, and how they become host pointers: base + address + stride * lane.
// Integers, because global addresses are host addresses already, and there is no arithmetic on a null pointer.
struct Place {
  uintptr_t base = 0;
  size_t stride = 0;
  uint64_t begin = 0;
  uint64_t size = 0;  // 0: nothing is known, resolve lane by lane
};

template <Space kSpace>
inline constexpr bool kStrided = kSpace == Space::local || kSpace == Space::parameter;

template <Space kSpace, bool kWrite>
VGPU_INLINE Place find_place(Warp& warp, const Instruction& instruction) {
  if constexpr (kSpace == Space::global || kSpace == Space::generic || kSpace == Space::constant) {
    const CachedRange& range = cached_range(warp, instruction);
    const bool fresh = range.epoch == warp.map_epoch->load(std::memory_order_acquire);
    return {0, 0, range.begin, !fresh ? 0 : kWrite ? range.writable_size : range.size};
  } else if constexpr (kSpace == Space::shared) {
    return {reinterpret_cast<uintptr_t>(warp.shared), 0, 0, warp.shared_size};
  } else if constexpr (kSpace == Space::local) {
    return {reinterpret_cast<uintptr_t>(warp.local), warp.local_stride, 0, warp.local_stride};
  } else {
    return {reinterpret_cast<uintptr_t>(warp.area), warp.area_stride, 0, warp.area_stride};
  }
}

// offset > limit, as a sign bit: cheaper for vectors than an unsigned comparison. limit is below half of A's range.
template <class A>
VGPU_INLINE A beyond(A offset, A limit) {
  return static_cast<A>(offset | static_cast<A>(limit - offset));
}
template <class A>
VGPU_INLINE bool sign_of(A value) {
  return (value >> (sizeof(A) * 8 - 1)) != 0;
}

// Whether all active lanes stay inside with `bytes` each, aligned to that.
VGPU_INLINE bool all_inside(const Addresses& addresses, LaneMask mask, const Place& place, uint64_t bytes) {
  if (place.size < bytes) return false;
  const uint64_t limit = place.size - bytes;
  uint64_t outside = 0;
  uint64_t low_bits = 0;
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kLanes; ++i) {
    const uint64_t active = 0 - uint64_t{mask >> i & 1u};
    outside |= active & beyond<uint64_t>(addresses.at[i] - place.begin, limit);
    low_bits |= active & addresses.at[i];
  }
  return !sign_of(outside) && (low_bits & (bytes - 1)) == 0;
}

// Sixteen lanes at a time, because tiles are often 16 wide.
inline constexpr unsigned kHalf = 16;
enum class Pattern : uint8_t { outside, any, same, ascending };

template <class A, unsigned kBytes>
VGPU_INLINE Pattern classify(const A* row, A displacement, const Place& place) {
  const A begin = static_cast<A>(place.begin);
  const A limit = static_cast<A>(place.size - kBytes);
  const A first = row[0];
  const A step = static_cast<A>(row[1] - first);
  if (step == 0 || step == kBytes) {
    A differs = 0;
    VGPU_LANE_LOOP
    for (unsigned i = 0; i < kHalf; ++i) differs |= static_cast<A>(row[i] - first - static_cast<A>(i) * step);
    if (differs == 0) {
      const A offset = static_cast<A>(first + displacement - begin);
      const A last = static_cast<A>(offset + (kHalf - 1) * step);
      const bool good =
          offset <= limit && last <= limit && last >= offset && ((first + displacement) & (kBytes - 1)) == 0;
      return !good ? Pattern::outside : step == 0 ? Pattern::same : Pattern::ascending;
    }
  }
  A outside = 0;
  A low_bits = 0;
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kHalf; ++i) {
    const A address = static_cast<A>(row[i] + displacement);
    outside |= beyond(static_cast<A>(address - begin), limit);
    low_bits |= address;
  }
  return sign_of(outside) || (low_bits & (kBytes - 1)) != 0 ? Pattern::outside : Pattern::any;
}

// Memory is read and written in whole elements; their addresses are aligned.
template <class M>
VGPU_INLINE M read_memory(const std::byte* pointer) {
  return *reinterpret_cast<const M*>(pointer);
}
template <class M>
VGPU_INLINE M read_memory(uintptr_t address) {
  return *reinterpret_cast<const M*>(address);
}
template <class M>
VGPU_INLINE void write_memory(std::byte* pointer, M value) {
  *reinterpret_cast<M*>(pointer) = value;
}
template <class M>
VGPU_INLINE void write_memory(uintptr_t address, M value) {
  *reinterpret_cast<M*>(address) = value;
}

}  // namespace vgpu::soft::VGPU_ISA
