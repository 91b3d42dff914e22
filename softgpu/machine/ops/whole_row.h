// SPDX-License-Identifier: Apache-2.0
// How ld and st go through the addresses of all 32 lanes, one element each: at once where these lie in a pattern, else
// by halves, else one by one. A Mover has the registers and knows the direction: regular<kCount>(lane, first, pattern)
// moves the elements of kCount lanes from `lane` on, single(lane, address) the one of a lane. Included by load.h and
// store.h.
#pragma once

#include "softgpu/machine/ops/memory_access.h"

namespace vgpu::soft::VGPU_ISA {

// Sixteen lanes from `lane` on, in the pattern that classify has found.
template <class A, bool kLaneStride, class Mover>
VGPU_INLINE void move_half(const A* row, A displacement, const Place& place, Pattern pattern, unsigned lane,
                           Mover mover) {
  // SAFETY: classify has checked all sixteen addresses.
  if (!kLaneStride && pattern != Pattern::any) {
    const uintptr_t first = place.base + static_cast<A>(row[lane] + displacement);
    return mover.template regular<kHalf>(lane, first, pattern);
  }
  for (unsigned i = lane; i < lane + kHalf; ++i) {
    const A address = static_cast<A>(row[i] + displacement);
    mover.single(i, place.base + address + (kLaneStride ? place.stride * i : 0));
  }
}

// False when an address needs a closer look; then nothing has been moved.
template <class A, unsigned kBytes, bool kLaneStride, class Mover>
VGPU_INLINE bool move_whole(const A* row, A displacement, const Place& place, Mover mover) {
  const Pattern pattern = kLaneStride ? Pattern::any : regular_pattern<A, kBytes, kLanes>(row);
  if (pattern != Pattern::any) {
    if (!is_inside<A, kBytes, kLanes>(row, displacement, place, pattern)) return false;
    // SAFETY: is_inside has checked the first address and the last.
    mover.template regular<kLanes>(0, place.base + static_cast<A>(row[0] + displacement), pattern);
    return true;
  }
  const Pattern low = classify<A, kBytes, kHalf>(row, displacement, place);
  const Pattern high = classify<A, kBytes, kHalf>(row + kHalf, displacement, place);
  if (low == Pattern::outside || high == Pattern::outside) return false;
  move_half<A, kLaneStride>(row, displacement, place, low, 0, mover);
  move_half<A, kLaneStride>(row, displacement, place, high, kHalf, mover);
  return true;
}

}  // namespace vgpu::soft::VGPU_ISA
