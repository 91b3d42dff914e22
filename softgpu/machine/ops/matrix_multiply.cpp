// SPDX-License-Identifier: Apache-2.0
// mma (PTX ISA 9.7.14.5): D = A * B + C of one warp. A is m rows by k, B k by 8, in row.col order.
// Products are exact in f32 for all narrow types and are summed in f32, in order of k, starting from C; NVIDIA's order
// and width are not documented. Integer products are summed exactly: k times the largest product is below 2^24.
#include <cstring>

#include "softgpu/machine/ops/matrix_fragments.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// Eight columns at a time, which is a row of B and of the sums; four rows together hide the latency of the additions.
using Row = float __attribute__((vector_size(kColumns * sizeof(float))));

void multiply(const MatrixA& a, const MatrixB& b, const Plan& plan, Sums& sums) {
  for (unsigned first = 0; first < plan.rows; first += 4) {
    Row sum[4];
    std::memcpy(sum, sums + first * kColumns, sizeof sum);
    for (unsigned k = 0; k < plan.depth; ++k) {
      Row column;
      std::memcpy(&column, b[k], sizeof column);
      for (unsigned r = 0; r < 4; ++r) sum[r] += a[first + r][k] * column;
    }
    std::memcpy(sums + first * kColumns, sum, sizeof sum);
  }
}

void complete_float(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const Plan plan = Plan::unpack(instruction.immediate);
  const unsigned results = plan.elements() / (plan.half_result ? 2 : 1);
  const unsigned first_b = results + plan.a_registers(), first_c = first_b + plan.b_registers();
  MatrixA a;
  MatrixB b;
  Sums sums;
  load_factors(warp, instruction, plan, results, first_b, a, b);
  load_sums(warp, instruction, plan, first_c, sums);
  multiply(a, b, plan, sums);
  store_sums(warp, instruction, mask, plan, sums);
}

void complete_integer(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const Plan plan = Plan::unpack(instruction.immediate);
  const unsigned results = plan.elements();
  const unsigned first_b = results + plan.a_registers(), first_c = first_b + plan.b_registers();
  MatrixA a;
  MatrixB b;
  Sums sums = {};
  load_factors(warp, instruction, plan, results, first_b, a, b);
  multiply(a, b, plan, sums);
  add_integers(warp, instruction, mask, plan, first_c, sums);
}

// f64: fused, in order of k, in the instruction's rounding mode.
void complete_double(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const Plan plan = Plan::unpack(instruction.immediate);
  const unsigned results = plan.elements(), row_groups = plan.rows / 8;
  const unsigned a_registers = plan.rows * plan.depth / kLanes, b_registers = plan.depth * kColumns / kLanes;
  double sums[kMaxRows * kColumns / kLanes][kLanes];
  _mm_setcsr(plan.mode);
  asm volatile("" ::: "memory");
  for (unsigned e = 0; e < results; ++e) {
    const double* c = warp.row<double>(instruction.at(results + a_registers + b_registers + e));
    for (unsigned i = 0; i < kLanes; ++i) {
      double sum = c[i];
      for (unsigned k = 0; k < plan.depth; ++k) {
        const unsigned a_register = e / 2 % row_groups + k / 4 * row_groups, column = i % 4 * 2 + e % 2;
        const double a = warp.row<double>(instruction.at(results + a_register))[i / 4 * 4 + k % 4];
        const double b = warp.row<double>(instruction.at(results + a_registers + k / 4))[column * 4 + k % 4];
        sum = finish(__builtin_fma(a, b, sum), a, b, sum);
      }
      sums[e][i] = sum;
    }
  }
  asm volatile("" ::: "memory");
  _mm_setcsr(kDefaultMode);
  for (unsigned e = 0; e < results; ++e)
    for_lanes(mask, warp.row<double>(instruction.at(e)), [&](unsigned i) { return sums[e][i]; });
}

void mma_float(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_float);
}
void mma_integer(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_integer);
}
void mma_double(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_double);
}

struct Shape8 {
  const char* name;
  uint8_t rows, depth;
};
constexpr Shape8 kShapes[] = {{"m16n8k4", 16, 4},   {"m16n8k8", 16, 8}, {"m16n8k16", 16, 16}, {"m16n8k32", 16, 32},
                              {"m16n8k64", 16, 64}, {"m8n8k4", 8, 4},   {"m8n8k16", 8, 16},   {"m8n8k32", 8, 32}};

// The depths that exist for a type of A (table of 9.7.14.5); m8n8k4 of f16 has a file of its own (matrix_quad.cpp).
bool shape_exists(Type type, unsigned rows, unsigned depth) {
  switch (type) {
    case Type::f16: return rows == 16 && (depth == 8 || depth == 16);
    case Type::bf16: return rows == 16 && (depth == 8 || depth == 16);
    case Type::tf32: return rows == 16 && (depth == 4 || depth == 8);
    case Type::e4m3:
    case Type::e5m2: return rows == 16 && (depth == 16 || depth == 32);
    case Type::s8:
    case Type::u8: return rows == 16 ? depth == 16 || depth == 32 : depth == 16;
    case Type::s4:
    case Type::u4: return rows == 16 ? depth == 32 || depth == 64 : depth == 32;
    case Type::f64: return rows == 16 ? depth <= 16 : depth == 4;
    default: return false;
  }
}

void declare_fragments(Choice& choice, Type result, unsigned results, Type element, unsigned a, unsigned b, Type addend,
                       unsigned addends) {
  choice.results(result, results);
  choice.sources(element, a);
  choice.sources(element, b);
  choice.sources(addend, addends);
}

// mma.sync.aligned.shape.row.col{.rnd}{.satfinite}.dtype.atype.btype.ctype d, a, b, c;
Handler choose_mma(Choice& choice) {
  static constexpr const char* kLayouts[] = {"row", "col"};
  if (!choice.take("sync") || !choice.take("aligned")) return nullptr;
  if (choice.take_first(kLayouts) != 0 || choice.take_first(kLayouts) != 1) return nullptr;
  const bool saturate = choice.take("satfinite");
  const Shape8* shape = nullptr;
  for (const Shape8& candidate : kShapes)
    if (shape == nullptr && choice.take(candidate.name)) shape = &candidate;
  const Type d = choice.take_type(), a = choice.take_type(), b = choice.take_type(), c = choice.take_type();
  if (shape == nullptr || !shape_exists(a, shape->rows, shape->depth)) return nullptr;
  Plan plan{shape->rows, shape->depth, a, b, d == Type::f16, c == Type::f16, saturate};
  choice.set_immediate(plan.pack());
  if (a == Type::f64) {
    if (b != a || c != a || d != a || saturate) return nullptr;
    plan.mode = float_mode(take_rounding(choice), false);
    choice.set_immediate(plan.pack());
    declare_fragments(choice, a, plan.elements(), a, plan.a_registers() / 2, plan.b_registers() / 2, a,
                      plan.elements());
    return mma_double;
  }
  if (!types_fit(d, a, b, c)) return nullptr;
  if (element_format(a).integer) {
    declare_fragments(choice, d, plan.elements(), Type::b32, plan.a_registers(), plan.b_registers(), c,
                      plan.elements());
    return mma_integer;
  }
  if (saturate) return nullptr;
  declare_fragments(choice, plan.half_result ? Type::b32 : d, plan.elements() / (plan.half_result ? 2 : 1), Type::b32,
                    plan.a_registers(), plan.b_registers(), plan.half_addend ? Type::b32 : c,
                    plan.elements() / (plan.half_addend ? 2 : 1));
  return mma_float;
}

constexpr OpcodeRow kRows[] = {{"mma", kAnyType, choose_mma, "9.7.14.5"}};

}  // namespace
VGPU_SOFT_ROWS(matrix_multiply, kRows)
}  // namespace vgpu::soft::VGPU_ISA
