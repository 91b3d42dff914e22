// SPDX-License-Identifier: Apache-2.0
// Factors and accumulators of mma and mma.sp (PTX ISA 9.7.14.5, 9.7.14.6): what an instruction's form says of them, and
// how they come out of registers and go back. Called by matrix_multiply.cpp and matrix_sparse.cpp. No state.
#pragma once

#include <cstring>

#include "softgpu/machine/ops/matrix.h"

namespace vgpu::soft::VGPU_ISA {

inline constexpr unsigned kMaxRows = 16, kMaxDepth = 128, kColumns = 8;

// What the chooser found out, packed into the immediate.
struct Plan {
  uint8_t rows, depth;
  Type a, b;
  bool half_result, half_addend, saturate;
  uint32_t mode = kDefaultMode;  // of f64 arithmetic
  bool sparse = false;           // A holds half of its elements (mma.sp)

  int64_t pack() const {
    return rows | depth << 8 | static_cast<int>(a) << 16 | static_cast<int>(b) << 22 | half_result << 28 |
           half_addend << 29 | saturate << 30 | int64_t{sparse} << 31 | int64_t{mode} << 32;
  }
  static Plan unpack(int64_t bits) {
    return {static_cast<uint8_t>(bits & 255),
            static_cast<uint8_t>(bits >> 8 & 255),
            static_cast<Type>(bits >> 16 & 63),
            static_cast<Type>(bits >> 22 & 63),
            (bits >> 28 & 1) != 0,
            (bits >> 29 & 1) != 0,
            (bits >> 30 & 1) != 0,
            static_cast<uint32_t>(bits >> 32),
            (bits >> 31 & 1) != 0};
  }
  unsigned a_depth() const { return sparse ? depth / 2 : depth; }  // elements of a row that A holds
  unsigned a_registers() const { return rows * a_depth() * bits_of(a) / 32 / kLanes; }
  unsigned b_registers() const { return depth * kColumns * bits_of(b) / 32 / kLanes; }
  unsigned elements() const { return rows * kColumns / kLanes; }  // of C and D, per lane
};

using MatrixA = float[kMaxRows][kMaxDepth / 2];
using MatrixB = float[kMaxDepth][kColumns];
// Row-major, 8 columns: element e of lane l stands at (e / 2) * 64 + l * 2 + e % 2.
using Sums = float[kMaxRows * kColumns];

// Run: elements of four lanes, which are contiguous in a row of A or a column of B.
template <unsigned Run>
void load_a(Warp& warp, const Instruction& instruction, unsigned first, const Plan& plan, MatrixA& a) {
  const DecodeRow decode = element_format(plan.a).decode;
  const unsigned row_groups = plan.rows / 8;
  float decoded[kLanes * 8];
  for (unsigned r = 0; r < plan.a_registers(); ++r) {
    decode(warp.row<uint32_t>(instruction.at(first + r)), decoded);
    const unsigned row = r % row_groups * 8, column = r / row_groups * Run;
    for (unsigned group = 0; group < 8; ++group)
      std::memcpy(&a[row + group][column], decoded + group * Run, Run * sizeof(float));
  }
}

template <unsigned Run>
void load_b(Warp& warp, const Instruction& instruction, unsigned first, const Plan& plan, MatrixB& b) {
  const DecodeRow decode = element_format(plan.b).decode;
  float decoded[kLanes * 8];
  for (unsigned r = 0; r < plan.b_registers(); ++r) {
    decode(warp.row<uint32_t>(instruction.at(first + r)), decoded);
    for (unsigned j = 0; j < Run; ++j)
      for (unsigned column = 0; column < kColumns; ++column) b[r * Run + j][column] = decoded[column * Run + j];
  }
}

inline void load_factors(Warp& warp, const Instruction& instruction, const Plan& plan, unsigned first_a,
                         unsigned first_b, MatrixA& a, MatrixB& b) {
  switch (bits_of(plan.a)) {
    case 4: load_a<32>(warp, instruction, first_a, plan, a); return load_b<32>(warp, instruction, first_b, plan, b);
    case 8: load_a<16>(warp, instruction, first_a, plan, a); return load_b<16>(warp, instruction, first_b, plan, b);
    case 16: load_a<8>(warp, instruction, first_a, plan, a); return load_b<8>(warp, instruction, first_b, plan, b);
    default: load_a<4>(warp, instruction, first_a, plan, a); return load_b<4>(warp, instruction, first_b, plan, b);
  }
}

// f32 or f16x2 accumulators.
inline void load_sums(Warp& warp, const Instruction& instruction, const Plan& plan, unsigned first_c, Sums& sums) {
  for (unsigned pair = 0; pair < plan.elements() / 2; ++pair) {
    if (plan.half_addend) {
      decode_halves<HalfOps>(warp.row<uint32_t>(instruction.at(first_c + pair)), sums + pair * 64);
      continue;
    }
    const float* even = warp.row<float>(instruction.at(first_c + 2 * pair));
    const float* odd = warp.row<float>(instruction.at(first_c + 2 * pair + 1));
    for (unsigned i = 0; i < kLanes; ++i) sums[pair * 64 + 2 * i] = even[i];
    for (unsigned i = 0; i < kLanes; ++i) sums[pair * 64 + 2 * i + 1] = odd[i];
  }
}

inline void store_sums(Warp& warp, const Instruction& instruction, LaneMask mask, const Plan& plan, const Sums& sums) {
  for (unsigned pair = 0; pair < plan.elements() / 2; ++pair) {
    const float* part = sums + pair * 64;
    if (plan.half_result) {
      for_lanes(mask, warp.row<uint32_t>(instruction.at(pair)), [=](unsigned i) {
        return uint32_t{float_to_half(part[2 * i])} | uint32_t{float_to_half(part[2 * i + 1])} << 16;
      });
      continue;
    }
    for (unsigned odd = 0; odd < 2; ++odd)
      for_lanes(mask, warp.row<float>(instruction.at(2 * pair + odd)),
                [=](unsigned i) { return finish(part[2 * i + odd], 0, 0); });
  }
}

// s32 accumulators: wrapping, or clamped with .satfinite.
inline void add_integers(Warp& warp, const Instruction& instruction, LaneMask mask, const Plan& plan, unsigned first_c,
                         const Sums& sums) {
  for (unsigned e = 0; e < plan.elements(); ++e) {
    const float* part = sums + e / 2 * 64 + e % 2;
    const int32_t* c = warp.row<int32_t>(instruction.at(first_c + e));
    for_lanes(mask, warp.row<int32_t>(instruction.at(e)), [=](unsigned i) {
      const int64_t sum = int64_t{c[i]} + static_cast<int32_t>(part[2 * i]);
      return plan.saturate ? clamp_to_s32(sum) : static_cast<int32_t>(sum);
    });
  }
}

// The types of C and D that exist for these factors, other than f64.
inline bool types_fit(Type d, Type a, Type b, Type c) {
  const ElementFormat format = element_format(a);
  if (format.bits == 0 || format.bits != element_format(b).bits || format.integer != element_format(b).integer) {
    return false;
  }
  if (format.bits >= 16 && a != b) return false;
  if (format.integer) return c == Type::s32 && d == Type::s32;
  const bool half_allowed = a == Type::f16 || format.bits == 8;
  return c == d && (d == Type::f32 || (half_allowed && d == Type::f16));
}

}  // namespace vgpu::soft::VGPU_ISA
