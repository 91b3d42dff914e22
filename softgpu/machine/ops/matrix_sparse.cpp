// SPDX-License-Identifier: Apache-2.0
// mma.sp (PTX ISA 9.7.14.6): D = A * B + C of one warp, where A holds half of each row, and metadata says which half.
// The factors' fragments are those of mma: A's of half the depth, B's of the whole. Sums as in matrix_multiply.cpp.
#include "softgpu/machine/ops/matrix_fragments.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// For each element that A holds, the row of B that it is multiplied with.
using Places = uint8_t[kMaxRows][kMaxDepth / 2];

// The metadata of a row of A: 16, 32 or 64 bits.
unsigned metadata_bits(Type type, unsigned depth) {
  const unsigned bits = bits_of(type);
  if (bits == 32) return depth * 2;  // four bits for one of two elements
  return bits == 4 ? depth / 2 : depth;
}

// Where a row's metadata lies in the registers of the row's four lanes. Factors of at least 16 bits give a lane 16 bits
// of row g in the low half and of row g + 8 in the high one; narrower ones give lanes in turn 32 bits of each row.
uint64_t row_metadata(const uint32_t* lanes, unsigned row, unsigned selector, unsigned bits, bool wide) {
  const uint32_t* quad = lanes + row % 8 * 4;
  const unsigned upper = row / 8;
  if (wide && bits == 16) return quad[selector] >> upper * 16 & 0xffff;
  if (wide) return (quad[selector * 2] >> upper * 16 & 0xffff) | (quad[selector * 2 + 1] >> upper * 16) << 16;
  if (bits == 32) return quad[selector * 2 + upper];
  return quad[upper] | uint64_t{quad[2 + upper]} << 32;
}

// The granularities of 9.7.14.6.1: 2 of 4 elements; 1 of 2 for tf32; 2 pairs of 4 pairs for four bits.
unsigned place_of(Type type, uint64_t metadata, unsigned element) {
  switch (bits_of(type)) {
    case 32: return element * 2 + static_cast<unsigned>(metadata >> (element * 4 + 3) & 1);  // 0b0100 or 0b1110
    case 4: return element / 4 * 8 + static_cast<unsigned>(metadata >> element / 2 * 2 & 3) * 2 + element % 2;
    default: return element / 2 * 4 + static_cast<unsigned>(metadata >> element * 2 & 3);
  }
}

void read_places(const uint32_t* lanes, const Plan& plan, unsigned selector, Places& places) {
  const unsigned bits = metadata_bits(plan.a, plan.depth);
  for (unsigned row = 0; row < kMaxRows; ++row) {
    const uint64_t metadata = row_metadata(lanes, row, selector, bits, bits_of(plan.a) >= 16);
    for (unsigned e = 0; e < plan.a_depth(); ++e) places[row][e] = static_cast<uint8_t>(place_of(plan.a, metadata, e));
  }
}

void multiply(const MatrixA& a, const MatrixB& b, const Places& places, const Plan& plan, Sums& sums) {
  for (unsigned row = 0; row < kMaxRows; ++row) {
    float* sum = sums + row * kColumns;
    for (unsigned e = 0; e < plan.a_depth(); ++e) {
      const float* factors = b[places[row][e]];
      for (unsigned column = 0; column < kColumns; ++column) sum[column] += a[row][e] * factors[column];
    }
  }
}

void complete(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const Plan plan = Plan::unpack(instruction.immediate);
  const bool integer = element_format(plan.a).integer;
  const unsigned results = plan.elements() / (plan.half_result ? 2 : 1);
  const unsigned first_b = results + plan.a_registers(), first_c = first_b + plan.b_registers();
  const unsigned metadata = first_c + plan.elements() / (plan.half_addend ? 2 : 1);
  MatrixA a;
  MatrixB b;
  Places places;
  Sums sums = {};
  load_factors(warp, instruction, plan, results, first_b, a, b);
  read_places(warp.row<uint32_t>(instruction.at(metadata)), plan, instruction.aux, places);
  if (!integer) load_sums(warp, instruction, plan, first_c, sums);
  multiply(a, b, places, plan, sums);
  if (integer) add_integers(warp, instruction, mask, plan, first_c, sums);
  else store_sums(warp, instruction, mask, plan, sums);
}

void mma_sparse(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete);
}

struct Depth {
  const char* shape;
  uint8_t depth;
};
constexpr Depth kDepths[] = {{"m16n8k8", 8}, {"m16n8k16", 16}, {"m16n8k32", 32}, {"m16n8k64", 64}, {"m16n8k128", 128}};

// A register of A is 32 bits of a row, times four lanes; there are two or four of them.
bool depth_exists(Type type, unsigned depth) {
  const unsigned smallest = 256 / bits_of(type);
  const bool minifloat = type == Type::e4m3 || type == Type::e5m2;
  return depth == 2 * smallest || (depth == smallest && !minifloat);
}

bool take_selector(Choice& choice, const Plan& plan) {
  const int64_t selector = choice.constant(), choices = 64 / metadata_bits(plan.a, plan.depth);
  if (selector < 0 || selector >= choices) return false;
  choice.set_aux(static_cast<uint8_t>(selector));
  return true;
}

// mma.sp{::ordered_metadata}.sync.aligned.shape.row.col{.satfinite}.dtype.atype.btype.ctype d, a, b, c, e, f;
// The order that ordered_metadata promises is one that any order covers.
Handler choose_mma(Choice& choice) {
  static constexpr const char* kLayouts[] = {"row", "col"};
  if (!choice.take("sp") && !choice.take("sp::ordered_metadata")) return nullptr;
  if (!choice.take("sync") || !choice.take("aligned")) return nullptr;
  if (choice.take_first(kLayouts) != 0 || choice.take_first(kLayouts) != 1) return nullptr;
  const bool saturate = choice.take("satfinite");
  unsigned depth = 0;
  for (const Depth& candidate : kDepths)
    if (depth == 0 && choice.take(candidate.shape)) depth = candidate.depth;
  const Type d = choice.take_type(), a = choice.take_type(), b = choice.take_type(), c = choice.take_type();
  if (!types_fit(d, a, b, c) || !depth_exists(a, depth)) return nullptr;
  if (saturate && !element_format(a).integer) return nullptr;
  Plan plan{16, static_cast<uint8_t>(depth), a, b, d == Type::f16, c == Type::f16, saturate};
  plan.sparse = true;
  choice.set_immediate(plan.pack());
  choice.results(plan.half_result ? Type::b32 : d, plan.elements() / (plan.half_result ? 2 : 1));
  choice.sources(Type::b32, plan.a_registers());
  choice.sources(Type::b32, plan.b_registers());
  choice.sources(plan.half_addend ? Type::b32 : c, plan.elements() / (plan.half_addend ? 2 : 1));
  choice.source(Type::b32);
  return take_selector(choice, plan) ? mma_sparse : nullptr;
}

constexpr OpcodeRow kRows[] = {{"mma", kAnyType, choose_mma, "9.7.14.6"}};

}  // namespace
VGPU_SOFT_ROWS(matrix_sparse, kRows)
}  // namespace vgpu::soft::VGPU_ISA
