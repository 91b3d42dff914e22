// SPDX-License-Identifier: Apache-2.0
// mma.m8n8k4 of f16 (PTX ISA 9.7.14.5.1): four products of 8x4 by 4x8 at once, one for each four lanes below 16 and the
// four lanes 16 above them. As in matrix_multiply.cpp, products are exact and summed in f32 in order of k.
#include "softgpu/machine/ops/matrix.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr uint8_t kColumnA = 1, kColumnB = 2, kHalfResult = 4, kHalfAddend = 8;  // aux
constexpr unsigned kSide = 8, kDepth = 4, kFactorRegisters = 2;
// Instruction::more has the operands, which are always too many to lie in the instruction itself.

// Lane of the product's team (0 to 7, the upper four being lanes 16 and above) to lane of the warp.
unsigned lane_of(unsigned product, unsigned member) { return product * 4 + member % 4 + (member < 4 ? 0 : 16); }

// Element j of a lane's four f16.
float factor(Warp& warp, const Instruction& instruction, unsigned first, unsigned lane, unsigned j) {
  const uint32_t pair = warp.row<uint32_t>(instruction.more[first + j / 2])[lane];
  return half_to_float(static_cast<uint16_t>(pair >> (j % 2 * 16)));
}

// Where element j of a team member's part of C and D stands.
struct Place {
  unsigned row, column;
};
Place place_of(bool half, unsigned member, unsigned j) {
  if (half) return {member, j};
  return {(member & 1u) + (j & 2u) + (member & 4u), (j & 4u) + (member & 2u) + (j & 1u)};
}

using Sums = float[kSide][kSide];

void multiply(Warp& warp, const Instruction& instruction, unsigned product, unsigned first_a, Sums& sums) {
  float a[kSide][kDepth], b[kDepth][kSide];
  for (unsigned member = 0; member < kSide; ++member) {
    const unsigned lane = lane_of(product, member);
    for (unsigned j = 0; j < kDepth; ++j) {
      const float from_a = factor(warp, instruction, first_a, lane, j);
      const float from_b = factor(warp, instruction, first_a + kFactorRegisters, lane, j);
      if ((instruction.aux & kColumnA) != 0) a[j + (member & 4u)][member % 4] = from_a;
      else a[member][j] = from_a;
      if ((instruction.aux & kColumnB) != 0) b[j][member] = from_b;
      else b[member % 4][j + (member & 4u)] = from_b;
    }
  }
  for (unsigned row = 0; row < kSide; ++row)
    for (unsigned k = 0; k < kDepth; ++k)
      for (unsigned column = 0; column < kSide; ++column) sums[row][column] += a[row][k] * b[k][column];
}

void complete(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const bool half_result = (instruction.aux & kHalfResult) != 0, half_addend = (instruction.aux & kHalfAddend) != 0;
  const unsigned first_a = half_result ? 4 : 8, first_c = first_a + 2 * kFactorRegisters;
  uint32_t results[8][kLanes] = {};
  for (unsigned product = 0; product < 4; ++product) {
    Sums sums;
    for (unsigned member = 0; member < kSide; ++member) {
      for (unsigned j = 0; j < 8; ++j) {
        const unsigned lane = lane_of(product, member);
        const Place place = place_of(half_addend, member, j);
        sums[place.row][place.column] = half_addend ? factor(warp, instruction, first_c, lane, j)
                                                    : warp.row<float>(instruction.more[first_c + j])[lane];
      }
    }
    multiply(warp, instruction, product, first_a, sums);
    for (unsigned member = 0; member < kSide; ++member) {
      for (unsigned j = 0; j < 8; ++j) {
        const unsigned lane = lane_of(product, member);
        const Place place = place_of(half_result, member, j);
        const float sum = sums[place.row][place.column];
        if (half_result) results[j / 2][lane] |= uint32_t{float_to_half(sum)} << (j % 2 * 16);
        else results[j][lane] = as_bits(finish(sum, 0, 0));
      }
    }
  }
  for (unsigned r = 0; r < first_a; ++r)
    for_lanes(mask, warp.row<uint32_t>(instruction.more[r]), [&](unsigned i) { return results[r][i]; });
}

void mma_quad(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete);
}

// mma.sync.aligned.m8n8k4.alayout.blayout.dtype.f16.f16.ctype d, a, b, c;
Handler choose_mma(Choice& choice) {
  static constexpr const char* kLayouts[] = {"row", "col"};
  if (!choice.take("sync") || !choice.take("aligned") || !choice.take("m8n8k4")) return nullptr;
  const int layout_a = choice.take_first(kLayouts), layout_b = choice.take_first(kLayouts);
  if (layout_a < 0 || layout_b < 0) return nullptr;
  const Type d = choice.take_type(), a = choice.take_type(), b = choice.take_type(), c = choice.take_type();
  if (a != Type::f16 || b != Type::f16 || (d != Type::f16 && d != Type::f32)) return nullptr;
  if (c != Type::f16 && (c != Type::f32 || d != Type::f32)) return nullptr;
  choice.set_aux(static_cast<uint8_t>((layout_a == 1 ? kColumnA : 0) | (layout_b == 1 ? kColumnB : 0) |
                                      (d == Type::f16 ? kHalfResult : 0) | (c == Type::f16 ? kHalfAddend : 0)));
  choice.results(Type::b32, d == Type::f16 ? 4 : 8);
  choice.sources(Type::b32, kFactorRegisters);
  choice.sources(Type::b32, kFactorRegisters);
  choice.sources(Type::b32, c == Type::f16 ? 4 : 8);
  return mma_quad;
}

constexpr OpcodeRow kRows[] = {{"mma", kAnyType, choose_mma, "9.7.14.5.1"}};

}  // namespace
VGPU_SOFT_ROWS(matrix_quad, kRows)
}  // namespace vgpu::soft::VGPU_ISA
