// SPDX-License-Identifier: Apache-2.0
// mma and wmma.mma of single bits (PTX ISA 9.7.14.5.9, 9.7.14.4.5): D = C + the number of bits that are set in
// `row of A ^ column of B`, or in `row & column`. Fragments as in matrix.h, with 32 elements in a register.
#include "softgpu/machine/ops/matrix.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// aux: rows of A in eights, registers of 128 bits of a row, what to count, and where C and D hold an element.
constexpr uint8_t kSixteenRows = 1, kTwoDeep = 2, kAnd = 4, kByRows = 8;

uint32_t count_bits(Warp& warp, const Instruction& instruction, unsigned first_a, unsigned first_b, unsigned row,
                    unsigned column) {
  const unsigned row_groups = (instruction.aux & kSixteenRows) != 0 ? 2 : 1;
  const unsigned depth = (instruction.aux & kTwoDeep) != 0 ? 2 : 1;
  uint32_t count = 0;
  for (unsigned k = 0; k < depth; ++k) {
    const uint32_t* a = warp.row<uint32_t>(instruction.at(first_a + k * row_groups + row / 8)) + row % 8 * 4;
    const uint32_t* b = warp.row<uint32_t>(instruction.at(first_b + k)) + column * 4;
    for (unsigned i = 0; i < 4; ++i) {
      const uint32_t bits = (instruction.aux & kAnd) != 0 ? a[i] & b[i] : a[i] ^ b[i];
      count += static_cast<uint32_t>(__builtin_popcount(bits));
    }
  }
  return count;
}

void complete(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const unsigned row_groups = (instruction.aux & kSixteenRows) != 0 ? 2 : 1;
  const unsigned depth = (instruction.aux & kTwoDeep) != 0 ? 2 : 1;
  const unsigned results = row_groups * 2, first_b = results + row_groups * depth, first_c = first_b + depth;
  int32_t sums[4][kLanes];
  // Element e of a lane: mma has pairs of a row; wmma what wmma_small.cpp loads.
  for (unsigned e = 0; e < results; ++e) {
    const int32_t* c = warp.row<int32_t>(instruction.at(first_c + e));
    for (unsigned i = 0; i < kLanes; ++i) {
      const bool by_rows = (instruction.aux & kByRows) != 0;
      const unsigned row = by_rows ? e * 4 + i / 8 : e / 2 * 8 + i / 4, column = by_rows ? i % 8 : i % 4 * 2 + e % 2;
      const uint32_t count = count_bits(warp, instruction, results, first_b, row, column);
      sums[e][i] = static_cast<int32_t>(static_cast<uint32_t>(c[i]) + count);
    }
  }
  for (unsigned e = 0; e < results; ++e)
    for_lanes(mask, warp.row<int32_t>(instruction.at(e)), [&](unsigned i) { return sums[e][i]; });
}

void mma_bits(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete);
}

bool take_types(Choice& choice) {
  return choice.take_type() == Type::s32 && choice.take_type() == Type::b1 && choice.take_type() == Type::b1 &&
         choice.take_type() == Type::s32;
}

bool take_layouts(Choice& choice) {
  static constexpr const char* kLayouts[] = {"row", "col"};
  return choice.take_first(kLayouts) == 0 && choice.take_first(kLayouts) == 1;
}

bool take_operation(Choice& choice, uint8_t& aux) {
  if (!choice.take("popc")) return false;
  if (choice.take("xor")) return true;
  aux |= kAnd;
  return choice.take("and");
}

void declare_fragments(Choice& choice, uint8_t aux) {
  const unsigned row_groups = (aux & kSixteenRows) != 0 ? 2 : 1, depth = (aux & kTwoDeep) != 0 ? 2 : 1;
  choice.set_aux(aux);
  choice.results(Type::s32, row_groups * 2);
  choice.sources(Type::b32, row_groups * depth);
  choice.sources(Type::b32, depth);
  choice.sources(Type::s32, row_groups * 2);
}

// mma.sync.aligned.shape.row.col.s32.b1.b1.s32.{xor,and}.popc d, a, b, c;
Handler choose_mma(Choice& choice) {
  static constexpr const char* kShapes[] = {"m8n8k128", "m16n8k128", "m16n8k256"};
  static constexpr uint8_t kShapeAux[] = {0, kSixteenRows, kSixteenRows | kTwoDeep};
  if (!choice.take("sync") || !choice.take("aligned") || !take_layouts(choice)) return nullptr;
  const int shape = choice.take_one(kShapes);
  if (shape < 0 || !take_types(choice)) return nullptr;
  uint8_t aux = kShapeAux[shape];
  if (!take_operation(choice, aux)) return nullptr;
  declare_fragments(choice, aux);
  return mma_bits;
}

// wmma.mma.{xor,and}.popc.sync.aligned.row.col.m8n8k128.s32.b1.b1.s32 d, a, b, c;
Handler choose_wmma(Choice& choice) {
  uint8_t aux = kByRows;
  if (!choice.take("mma") || !take_operation(choice, aux)) return nullptr;
  if (!choice.take("sync") || !choice.take("aligned") || !take_layouts(choice)) return nullptr;
  if (!choice.take("m8n8k128") || !take_types(choice)) return nullptr;
  declare_fragments(choice, aux);
  return mma_bits;
}

constexpr OpcodeRow kRows[] = {
    {"mma", kAnyType, choose_mma, "9.7.14.5.9"},
    {"wmma", kAnyType, choose_wmma, "9.7.14.4.5"},
};

}  // namespace
VGPU_SOFT_ROWS(matrix_bits, kRows)
}  // namespace vgpu::soft::VGPU_ISA
