// SPDX-License-Identifier: Apache-2.0
// Vectors of ld and st that are read or written at once, lane by lane. A card does so with the up to 16 bytes of an
// aligned vector, and programs rely on it that synchronise by them: CUB's look-back keeps a tile's state and its sum in
// one. Included by the memory classes in ops/ only.
#pragma once

#include "softgpu/machine/ops/element.h"

namespace vgpu::soft::VGPU_ISA {

// `bytes` is a power of two from 2 on. Vectors of more than 16 bytes are several accesses.
VGPU_INLINE void copy_at_once(void* to, const void* from, size_t bytes) {
  using Sixteen [[gnu::vector_size(16), gnu::may_alias]] = long long;
  using Eight [[gnu::may_alias]] = uint64_t;
  using Four [[gnu::may_alias]] = uint32_t;
  using Two [[gnu::may_alias]] = uint16_t;
  switch (bytes) {
    case 2: *static_cast<volatile Two*>(to) = *static_cast<const volatile Two*>(from); return;
    case 4: *static_cast<volatile Four*>(to) = *static_cast<const volatile Four*>(from); return;
    case 8: *static_cast<volatile Eight*>(to) = *static_cast<const volatile Eight*>(from); return;
    default: break;
  }
  for (size_t k = 0; k < bytes / 16; ++k)
    static_cast<volatile Sixteen*>(to)[k] = static_cast<const volatile Sixteen*>(from)[k];
}

// A lane's vector; at most 32 bytes long.
template <class M>
union Vector {
  alignas(32) std::byte bytes[32] = {};
  M elements[32 / sizeof(M)];
};

// `pointer_of` says where a lane's vector is.
template <class M, class R, class PointerOf>
VGPU_INLINE void load_at_once(Warp& warp, const Instruction& instruction, LaneMask mask, PointerOf pointer_of) {
  const unsigned elements = elements_of(instruction);
  for_each_lane(mask, [&](unsigned i) {
    Vector<M> vector;
    copy_at_once(vector.bytes, pointer_of(i), sizeof(M) * elements);
    for (unsigned k = 0; k < elements; ++k) warp.row<R>(instruction.at(k))[i] = extend<R>(vector.elements[k]);
  });
}

template <class M, class R, class PointerOf>
VGPU_INLINE void store_at_once(Warp& warp, const Instruction& instruction, LaneMask mask, PointerOf pointer_of) {
  const unsigned elements = elements_of(instruction);
  for_each_lane(mask, [&](unsigned i) {
    Vector<M> vector;
    for (unsigned k = 0; k < elements; ++k) vector.elements[k] = extend<M>(warp.row<R>(instruction.at(1 + k))[i]);
    copy_at_once(pointer_of(i), vector.bytes, sizeof(M) * elements);
  });
}

}  // namespace vgpu::soft::VGPU_ISA
