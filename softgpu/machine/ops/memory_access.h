// SPDX-License-Identifier: Apache-2.0
// Fast paths of memory accesses: the addresses of a whole warp, checked at once, in the patterns that matter (32 elements
// in a row, one for all lanes, anything else). Included by the memory classes in ops/ only; see memory.h for the rest.
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

// Whether all active lanes stay in [begin, begin + size) with `bytes` each, aligned to that.
VGPU_INLINE bool all_inside(const Addresses& addresses, LaneMask mask, uint64_t begin, uint64_t size, uint64_t bytes) {
  if (size < bytes) return false;
  const uint64_t limit = size - bytes;
  uint64_t outside = 0;
  uint64_t low_bits = 0;
  if (mask == kAllLanes) {
    VGPU_LANE_LOOP
    for (unsigned i = 0; i < kLanes; ++i) {
      outside |= addresses.at[i] - begin > limit ? 1u : 0u;
      low_bits |= addresses.at[i];
    }
  } else {
    VGPU_LANE_LOOP
    for (unsigned i = 0; i < kLanes; ++i) {
      const bool active = (mask >> i & 1u) != 0;
      outside |= active && addresses.at[i] - begin > limit ? 1u : 0u;
      low_bits |= active ? addresses.at[i] : 0;
    }
  }
  return outside == 0 && (low_bits & (bytes - 1)) == 0;
}

// What to add to an address to get a host pointer, when the fast path applies. Local and parameter space have a stride
// per lane.
struct Place {
  std::byte* base = nullptr;
  size_t stride = 0;
  bool fast = false;
};

template <Space kSpace, bool kWrite>
VGPU_INLINE Place find_place(Warp& warp, const Instruction& instruction, const Addresses& addresses, LaneMask mask,
                             uint64_t bytes) {
  if constexpr (kSpace == Space::global || kSpace == Space::generic || kSpace == Space::constant) {
    const CachedRange& range = cached_range(warp, instruction);
    const uint64_t size = kWrite ? range.writable_size : range.size;
    const bool fresh = range.epoch == warp.map_epoch->load(std::memory_order_acquire);
    return {nullptr, 0, fresh && all_inside(addresses, mask, range.begin, size, bytes)};
  } else if constexpr (kSpace == Space::shared) {
    return {warp.shared, 0, all_inside(addresses, mask, 0, warp.shared_size, bytes)};
  } else if constexpr (kSpace == Space::local) {
    return {warp.local, warp.local_stride, all_inside(addresses, mask, 0, warp.local_stride, bytes)};
  } else {
    return {warp.area, warp.area_stride, all_inside(addresses, mask, 0, warp.area_stride, bytes)};
  }
}

VGPU_INLINE bool ascending(const Addresses& addresses, uint64_t step) {
  if (addresses.at[1] - addresses.at[0] != step || addresses.at[31] - addresses.at[0] != 31 * step) return false;
  uint64_t wrong = 0;
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kLanes; ++i) wrong |= addresses.at[i] - (addresses.at[0] + i * step);
  return wrong == 0;
}

// Memory is read and written in whole elements; their addresses are aligned.
template <class M>
VGPU_INLINE M read_memory(const std::byte* pointer) {
  return *reinterpret_cast<const M*>(pointer);
}
template <class M>
VGPU_INLINE void write_memory(std::byte* pointer, M value) {
  *reinterpret_cast<M*>(pointer) = value;
}

}  // namespace vgpu::soft::VGPU_ISA
