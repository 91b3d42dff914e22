// SPDX-License-Identifier: Apache-2.0
// Fast paths of memory accesses: the addresses of a whole warp, checked at once, in the patterns that matter (elements
// in a row, one for all lanes, anything else). Included by the memory classes in ops/ only; see memory.h for the rest.
#pragma once

#include <cstring>

#include "softgpu/machine/memory.h"
#include "softgpu/machine/ops/lanes.h"
#include "softgpu/machine/windows.h"

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

template <Space kSpace>
inline constexpr bool kGlobal = kSpace == Space::global || kSpace == Space::generic || kSpace == Space::constant;

// Generic addresses of shared and local memory.
VGPU_INLINE Place find_window(const Warp& warp, uint64_t address) {
  if (address - kSharedWindow < kWindowSize) {
    return {reinterpret_cast<uintptr_t>(warp.shared) - kSharedWindow, 0, kSharedWindow, warp.shared_size};
  }
  if (address - kLocalWindow < kWindowSize) {
    return {reinterpret_cast<uintptr_t>(warp.local) - kLocalWindow, warp.local_stride, kLocalWindow, warp.local_stride};
  }
  return {};
}

// `address` is that of a lane which is active: where it lies, the others probably do, too.
template <Space kSpace, bool kWrite>
VGPU_INLINE Place find_place(Warp& warp, const Instruction& instruction, uint64_t address) {
  if constexpr (kGlobal<kSpace>) {
    const CachedRange* range = &cached_range(warp, instruction);
    const bool known = range->epoch == warp.map_epoch->load(std::memory_order_acquire);
    if (!known || address - range->begin >= range->size) [[unlikely]] {
      if (kSpace == Space::generic && address >= kSharedWindow) return find_window(warp, address);
      range = find_range(warp, instruction, address);
      if (range == nullptr) return {};
    }
    return {0, 0, range->begin, kWrite ? range->writable_size : range->size};
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

// How the addresses of consecutive lanes lie, when all of them are inside and aligned: `ascending` is one access of
// kBytes behind the other.
enum class Pattern : uint8_t { outside, any, same, ascending };

template <class A, unsigned kCount>
VGPU_INLINE bool is_regular(const A* row, A step) {
  const A first = row[0];
  A differs = 0;
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kCount; ++i) differs |= static_cast<A>(row[i] - static_cast<A>(i) * step) ^ first;
  return differs == 0;
}

template <class A, unsigned kBytes, unsigned kCount>
VGPU_INLINE Pattern regular_pattern(const A* row) {
  const A step = static_cast<A>(row[1] - row[0]);
  if (step == kBytes && is_regular<A, kCount>(row, kBytes)) return Pattern::ascending;
  return step == 0 && is_regular<A, kCount>(row, 0) ? Pattern::same : Pattern::any;
}

template <class A, unsigned kBytes, unsigned kCount>
VGPU_INLINE bool is_inside(const A* row, A displacement, const Place& place, Pattern pattern) {
  const A begin = static_cast<A>(place.begin);
  const A limit = static_cast<A>(place.size - kBytes);
  if (pattern != Pattern::any) {
    const A address = static_cast<A>(row[0] + displacement);
    const A offset = static_cast<A>(address - begin);
    const A last = static_cast<A>(offset + (pattern == Pattern::same ? 0 : (kCount - 1) * kBytes));
    return offset <= limit && last <= limit && last >= offset && (address & (kBytes - 1)) == 0;
  }
  A outside = 0;
  A low_bits = 0;
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kCount; ++i) {
    const A address = static_cast<A>(row[i] + displacement);
    outside |= beyond(static_cast<A>(address - begin), limit);
    low_bits |= address;
  }
  return !sign_of(outside) && (low_bits & (kBytes - 1)) == 0;
}

// Of kCount lanes with kBytes each. place.size is not smaller.
template <class A, unsigned kBytes, unsigned kCount>
VGPU_INLINE Pattern classify(const A* row, A displacement, const Place& place) {
  const Pattern pattern = regular_pattern<A, kBytes, kCount>(row);
  return is_inside<A, kBytes, kCount>(row, displacement, place, pattern) ? pattern : Pattern::outside;
}

// Tiles are often 16 wide.
inline constexpr unsigned kHalf = kLanes / 2;

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
