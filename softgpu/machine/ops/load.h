// SPDX-License-Identifier: Apache-2.0
// Handlers of ld: a loop over lanes for each space, type in memory (M), type of the register (R) and of the address
// (A). Included by the class of ld and st.
#pragma once

#include "softgpu/machine/ops/element.h"
#include "softgpu/machine/ops/masked_move.h"
#include "softgpu/machine/ops/whole_row.h"
#include "softgpu/machine/ops/whole_vector.h"

namespace vgpu::soft::VGPU_ISA {

// One element of each lane.
template <class M, class R>
VGPU_INLINE void gather(R* destination, const Addresses& addresses, const Place& place, LaneMask mask) {
  // SAFETY: all_inside has checked the addresses of all lanes in the mask.
  const uintptr_t base = place.base;
  if (mask == kAllLanes) {
    for (unsigned i = 0; i < kLanes; ++i) {
      destination[i] = extend<R>(read_memory<M>(base + addresses.at[i] + place.stride * i));
    }
    return;
  }
  if constexpr (std::is_same_v<M, R> && kHasMaskedMove<M>) {
    if (place.stride == 0 && is_ascending(addresses, mask, sizeof(M))) {
      const unsigned lane = first_of(mask);
      return load_masked(destination, reinterpret_cast<const void*>(base + addresses.at[lane] - lane * sizeof(M)),
                         mask);
    }
  }
  for_each_lane(
      mask, [&](unsigned i) { destination[i] = extend<R>(read_memory<M>(base + addresses.at[i] + place.stride * i)); });
}

// Kept out of line: one copy per type, whatever the space.
template <class M, class R>
[[gnu::noinline]] void load_slowly(Warp& warp, const Instruction& instruction, LaneMask mask, Space space,
                                   const Addresses& addresses) {
  const unsigned elements = elements_of(instruction);
  std::byte* pointers[kLanes];
  if (!resolve_lanes(warp, instruction, mask, space, addresses.at, static_cast<uint32_t>(sizeof(M)) * elements, false,
                     pointers)) {
    return;
  }
  if (elements > 1) return load_at_once<M, R>(warp, instruction, mask, [&](unsigned i) { return pointers[i]; });
  R* destination = warp.row<R>(instruction.at(0));
  for_each_lane(mask, [&](unsigned i) { destination[i] = extend<R>(read_memory<M>(pointers[i])); });
}

// kCount lanes that read one element behind the other, or all the same one.
template <class M, class R, unsigned kCount>
VGPU_INLINE void load_regular(R* destination, uintptr_t first, Pattern pattern) {
  if (pattern == Pattern::ascending) {
    const M* source = reinterpret_cast<const M*>(first);
    VGPU_LANE_LOOP
    for (unsigned i = 0; i < kCount; ++i) destination[i] = extend<R>(source[i]);
  } else {
    const R value = extend<R>(read_memory<M>(first));
    VGPU_LANE_LOOP
    for (unsigned i = 0; i < kCount; ++i) destination[i] = value;
  }
}

// The Mover of ld.
template <class M, class R>
struct Loader {
  R* registers;

  template <unsigned kCount>
  VGPU_INLINE void regular(unsigned lane, uintptr_t first, Pattern pattern) const {
    load_regular<M, R, kCount>(registers + lane, first, pattern);
  }
  VGPU_INLINE void single(unsigned lane, uintptr_t address) const {
    registers[lane] = extend<R>(read_memory<M>(address));
  }
};

// kElements for each of 32 lanes whose vectors lie one behind the other, or are the same.
template <class M, class R, unsigned kElements>
VGPU_INLINE void load_elements(Warp& warp, const Instruction& instruction, uintptr_t first, Pattern pattern) {
  R* rows[kElements];
  for (unsigned k = 0; k < kElements; ++k) rows[k] = warp.row<R>(instruction.at(k));
  const M* source = reinterpret_cast<const M*>(first);
  if (pattern == Pattern::same) {
    for (unsigned k = 0; k < kElements; ++k) load_regular<M, R, kLanes>(rows[k], first + k * sizeof(M), pattern);
    return;
  }
  VGPU_LANE_LOOP
  for (unsigned i = 0; i < kLanes; ++i) {
    for (unsigned k = 0; k < kElements; ++k) rows[k][i] = extend<R>(source[i * kElements + k]);
  }
}

template <class M, class R>
[[gnu::noinline]] void load_vectors(Warp& warp, const Instruction& instruction, uintptr_t first, Pattern pattern) {
  switch (elements_of(instruction)) {
    case 2: return load_elements<M, R, 2>(warp, instruction, first, pattern);
    case 4: return load_elements<M, R, 4>(warp, instruction, first, pattern);
    default: return load_elements<M, R, 8>(warp, instruction, first, pattern);
  }
}

template <Space kSpace, class A, class M, class R>
void load(Warp& warp, const Instruction& instruction, LaneMask mask) {
  if ((instruction.aux & kSynchronises) != 0) warp.synchronising = true;
  const unsigned elements = elements_of(instruction);
  const A* row = warp.row<A>(instruction.at(elements));
  const A displacement = static_cast<A>(instruction.immediate);
  const Place place = find_place<kSpace, false>(warp, instruction, static_cast<A>(row[first_of(mask)] + displacement));
  const bool flat = kSpace != Space::generic || place.stride == 0;
  if (elements == 1 && mask == kAllLanes && flat && place.size >= sizeof(M)) {
    const Loader<M, R> loader = {warp.row<R>(instruction.operand[0])};
    if (move_whole<A, sizeof(M), kStrided<kSpace>>(row, displacement, place, loader)) return;
  }
  Addresses addresses;
  load_addresses<A>(warp, instruction, instruction.at(elements), addresses);
  const size_t bytes = sizeof(M) * elements;
  if (!all_inside(addresses, mask, place, bytes)) {
    return load_slowly<M, R>(warp, instruction, mask, kSpace, addresses);
  }
  if (elements == 1) return gather<M>(warp.row<R>(instruction.at(0)), addresses, place, mask);
  if constexpr (sizeof(M) <= 8) {
    const bool whole = mask == kAllLanes && (instruction.aux & kSynchronises) == 0;
    const Pattern pattern = whole ? vector_pattern(addresses, place, bytes) : Pattern::any;
    // SAFETY: all_inside has checked the addresses of all lanes.
    if (pattern != Pattern::any) {
      return load_vectors<M, R>(warp, instruction, place.base + addresses.at[0], pattern);
    }
  }
  // SAFETY: as above.
  load_at_once<M, R>(warp, instruction, mask, [&](unsigned i) {
    return reinterpret_cast<const std::byte*>(place.base + addresses.at[i] + place.stride * i);
  });
}

// A kernel parameter by name: the same bytes for all lanes; the immediate is the offset.
template <class M, class R>
void load_parameter(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const unsigned elements = elements_of(instruction);
  const uint64_t offset = *warp.row<uint64_t>(instruction.at(elements)) + static_cast<uint64_t>(instruction.immediate);
  const uint64_t bytes = sizeof(M) * elements;
  if (offset % bytes != 0 || bytes > warp.parameter_size || offset > warp.parameter_size - bytes) {
    Addresses addresses;
    load_addresses<uint64_t>(warp, instruction, instruction.at(elements), addresses);
    return load_slowly<M, R>(warp, instruction, mask, Space::kernel_parameter, addresses);
  }
  for (unsigned k = 0; k < elements; ++k) {
    const R value = extend<R>(read_memory<M>(warp.parameters + offset + k * sizeof(M)));
    if constexpr (std::is_same_v<R, Bits128>) {
      R* destination = warp.row<R>(instruction.at(k));
      for_each_lane(mask, [&](unsigned i) { destination[i] = value; });
    } else {
      for_lanes(mask, warp.row<R>(instruction.at(k)), [=](unsigned) { return value; });
    }
  }
}

// A kernel parameter through a register.
template <class A, class M, class R>
void load_parameter_at(Warp& warp, const Instruction& instruction, LaneMask mask) {
  Addresses addresses;
  load_addresses<A>(warp, instruction, instruction.at(elements_of(instruction)), addresses);
  load_slowly<M, R>(warp, instruction, mask, Space::kernel_parameter, addresses);
}

}  // namespace vgpu::soft::VGPU_ISA
