// SPDX-License-Identifier: Apache-2.0
// Handlers of st, see load.h. Of lanes that write the same place the last one wins. Included by the class of ld and st.
#pragma once

#include "softgpu/machine/ops/element.h"
#include "softgpu/machine/ops/masked_move.h"
#include "softgpu/machine/ops/whole_row.h"
#include "softgpu/machine/ops/whole_vector.h"

namespace vgpu::soft::VGPU_ISA {

template <class M, class R>
[[gnu::noinline]] void store_slowly(Warp& warp, const Instruction& instruction, LaneMask mask, Space space,
                                    const Addresses& addresses) {
  const unsigned elements = elements_of(instruction);
  std::byte* pointers[kLanes];
  if (!resolve_lanes(warp, instruction, mask, space, addresses.at, static_cast<uint32_t>(sizeof(M)) * elements, true,
                     pointers)) {
    return;
  }
  if (elements > 1) return store_at_once<M, R>(warp, instruction, mask, [&](unsigned i) { return pointers[i]; });
  const R* source = warp.row<R>(instruction.at(1));
  for_each_lane(mask, [&](unsigned i) { write_memory<M>(pointers[i], extend<M>(source[i])); });
}

// One element of each lane.
template <class M, class R>
VGPU_INLINE void scatter(const R* source, const Addresses& addresses, const Place& place, LaneMask mask) {
  // SAFETY: all_inside has checked the addresses of all lanes in the mask.
  const uintptr_t base = place.base;
  if constexpr (std::is_same_v<M, R> && kHasMaskedMove<M>) {
    if (place.stride == 0 && is_ascending(addresses, mask, sizeof(M))) {
      const unsigned lane = first_of(mask);
      return store_masked(reinterpret_cast<void*>(base + addresses.at[lane] - lane * sizeof(M)), source, mask);
    }
  }
  for_each_lane(mask,
                [&](unsigned i) { write_memory<M>(base + addresses.at[i] + place.stride * i, extend<M>(source[i])); });
}

// kCount lanes that write one element behind the other, or all the same one.
template <class M, class R, unsigned kCount>
VGPU_INLINE void store_regular(uintptr_t first, const R* source, Pattern pattern) {
  if (pattern == Pattern::same) return write_memory<M>(first, extend<M>(source[kCount - 1]));
  M* destination = reinterpret_cast<M*>(first);
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kCount; ++i) destination[i] = extend<M>(source[i]);
}

// The Mover of st.
template <class M, class R>
struct Storer {
  const R* registers;

  template <unsigned kCount>
  VGPU_INLINE void regular(unsigned lane, uintptr_t first, Pattern pattern) const {
    store_regular<M, R, kCount>(first, registers + lane, pattern);
  }
  VGPU_INLINE void single(unsigned lane, uintptr_t address) const {
    write_memory<M>(address, extend<M>(registers[lane]));
  }
};

// kElements of each of 32 lanes, whose vectors lie one behind the other.
template <class M, class R, unsigned kElements>
VGPU_INLINE void store_elements(Warp& warp, const Instruction& instruction, uintptr_t first) {
  const R* rows[kElements];
  for (unsigned k = 0; k < kElements; ++k) rows[k] = warp.row<R>(instruction.at(1 + k));
  M* destination = reinterpret_cast<M*>(first);
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kLanes; ++i) {
    for (unsigned k = 0; k < kElements; ++k) destination[i * kElements + k] = extend<M>(rows[k][i]);
  }
}

template <class M, class R>
[[gnu::noinline]] void store_vectors(Warp& warp, const Instruction& instruction, uintptr_t first) {
  switch (elements_of(instruction)) {
    case 2: return store_elements<M, R, 2>(warp, instruction, first);
    case 4: return store_elements<M, R, 4>(warp, instruction, first);
    default: return store_elements<M, R, 8>(warp, instruction, first);
  }
}

template <Space kSpace, class A, class M, class R>
void store(Warp& warp, const Instruction& instruction, LaneMask mask) {
  if ((instruction.aux & kSynchronises) != 0) warp.synchronising = true;
  const unsigned elements = elements_of(instruction);
  const A* row = warp.row<A>(instruction.operand[0]);
  const A displacement = static_cast<A>(instruction.immediate);
  const Place place = find_place<kSpace, true>(warp, instruction, static_cast<A>(row[first_of(mask)] + displacement));
  const bool flat = kSpace != Space::generic || place.stride == 0;
  if (elements == 1 && mask == kAllLanes && flat && place.size >= sizeof(M)) {
    const Storer<M, R> storer = {warp.row<R>(instruction.operand[1])};
    if (move_whole<A, sizeof(M), kStrided<kSpace>>(row, displacement, place, storer)) return;
  }
  Addresses addresses;
  load_addresses<A>(warp, instruction, instruction.at(0), addresses);
  const size_t bytes = sizeof(M) * elements;
  if (!all_inside(addresses, mask, place, bytes)) {
    return store_slowly<M, R>(warp, instruction, mask, kSpace, addresses);
  }
  if (elements == 1) return scatter<M>(warp.row<R>(instruction.at(1)), addresses, place, mask);
  if constexpr (sizeof(M) <= 8) {
    const bool whole = mask == kAllLanes && (instruction.aux & kSynchronises) == 0;
    // SAFETY: all_inside has checked the addresses of all lanes.
    if (whole && vector_pattern(addresses, place, bytes) == Pattern::ascending) {
      return store_vectors<M, R>(warp, instruction, place.base + addresses.at[0]);
    }
  }
  // SAFETY: as above.
  store_at_once<M, R>(warp, instruction, mask, [&](unsigned i) {
    return reinterpret_cast<std::byte*>(place.base + addresses.at[i] + place.stride * i);
  });
}

}  // namespace vgpu::soft::VGPU_ISA
