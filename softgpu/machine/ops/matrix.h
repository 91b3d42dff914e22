// SPDX-License-Identifier: Apache-2.0
// Fragments of the warp's matrix instructions (PTX ISA 9.7.14): how elements are decoded, and how an instruction that
// needs the whole warp waits for it. Called by the matrix classes of ops/. No state.
// A register holds E = 32 / width elements of a row of A, or of a column of B: lane l has row (or column) l / 4,
// elements from (l % 4) * E on. Further registers hold the rows from 8 on, then the next 4 E elements.
#pragma once

#include "softgpu/machine/ops/clamp.h"
#include "softgpu/machine/ops/half.h"
#include "softgpu/machine/schedule.h"

namespace vgpu::soft::VGPU_ISA {

// Decodes a register of all lanes: out[lane * E + j]. Every element type is exact in f32.
using DecodeRow = void (*)(const uint32_t* row, float* out);

struct ElementFormat {
  DecodeRow decode = nullptr;
  unsigned bits = 0;  // of an element
  bool integer = false;
};

template <class T>
void decode_bytes(const uint32_t* row, float* out) {
  const auto* bytes = reinterpret_cast<const T*>(row);
  for (unsigned i = 0; i < kLanes * 4; ++i) out[i] = static_cast<float>(bytes[i]);
}

template <bool is_negative>
void decode_nibbles(const uint32_t* row, float* out) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(row);
  for (unsigned i = 0; i < kLanes * 8; ++i) {
    const int nibble = bytes[i / 2] >> (i % 2 * 4) & 15;
    out[i] = static_cast<float>(is_negative ? (nibble ^ 8) - 8 : nibble);
  }
}

template <class Ops>
void decode_halves(const uint32_t* row, float* out) {
  const auto* halves = reinterpret_cast<const uint16_t*>(row);
  widen_row(halves, out, Ops{});
  widen_row(halves + kLanes, out + kLanes, Ops{});
}

// The low 13 bits of a tf32 are ignored.
inline void decode_tf32(const uint32_t* row, float* out) {
  for (unsigned i = 0; i < kLanes; ++i) out[i] = as_float(row[i] & ~uint32_t{0x1fff});
}

template <unsigned FractionBits, int Bias>
void decode_minifloats(const uint32_t* row, float* out) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(row);
  for (unsigned i = 0; i < kLanes * 4; ++i) {
    const uint32_t m = bytes[i] & 0x7fu, sign = static_cast<uint32_t>(bytes[i] & 0x80u) << 24;
    const uint32_t infinity = FractionBits == 3 ? 0x7f : 0x7c;  // e4m3 has a NaN and no infinity
    const uint32_t normal = (m << (23 - FractionBits)) + (static_cast<uint32_t>(127 - Bias) << 23);
    const uint32_t small =
        as_bits(static_cast<float>(static_cast<int32_t>(m)) * (FractionBits == 3 ? 0x1p-9f : 0x1p-16f));
    const uint32_t special = FractionBits == 2 && m == 0x7c ? Single::kInfinity : Single::kNan;
    out[i] = as_float(sign | (m >= infinity ? special : m >> FractionBits == 0 ? small : normal));
  }
}

inline ElementFormat element_format(Type type) {
  switch (type) {
    case Type::f16: return {decode_halves<HalfOps>, 16, false};
    case Type::bf16: return {decode_halves<BfloatOps>, 16, false};
    case Type::tf32: return {decode_tf32, 32, false};
    case Type::e4m3: return {decode_minifloats<3, 7>, 8, false};
    case Type::e5m2: return {decode_minifloats<2, 15>, 8, false};
    case Type::s8: return {decode_bytes<int8_t>, 8, true};
    case Type::u8: return {decode_bytes<uint8_t>, 8, true};
    case Type::s4: return {decode_nibbles<true>, 4, true};
    case Type::u4: return {decode_nibbles<false>, 4, true};
    default: return {};
  }
}

// Runs `complete` once all live lanes are at the instruction; `.aligned` promises that they come.
VGPU_INLINE void with_whole_warp(Warp& warp, const Instruction& instruction, LaneMask mask, Complete complete) {
  if (mask == warp.live) complete(warp, instruction, mask, mask);
  else warp.schedule->synchronise(instruction, mask, warp.live, complete);
}

}  // namespace vgpu::soft::VGPU_ISA
