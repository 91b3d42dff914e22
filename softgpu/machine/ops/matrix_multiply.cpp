// SPDX-License-Identifier: Apache-2.0
// mma (PTX ISA 9.7.14.5): D = A * B + C of one warp. A is m rows by k, B k by 8, in row.col order.
// Products are exact in f32 for all narrow types and are summed in f32, in order of k, starting from C; NVIDIA's order
// and width are not documented. Integer products are summed exactly: k times the largest product is below 2^24.
#include <cstring>

#include "softgpu/machine/ops/matrix.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr unsigned kMaxRows = 16, kMaxDepth = 64, kColumns = 8;

// What the chooser found out, packed into the immediate.
struct Plan {
  uint8_t rows, depth;
  Type a, b;
  bool half_result, half_addend, saturate;
  uint32_t mode = kDefaultMode;  // of f64 arithmetic

  int64_t pack() const {
    return rows | depth << 8 | static_cast<int>(a) << 16 | static_cast<int>(b) << 22 | half_result << 28 |
           half_addend << 29 | saturate << 30 | int64_t{mode} << 32;
  }
  static Plan unpack(int64_t bits) {
    return {static_cast<uint8_t>(bits & 255),
            static_cast<uint8_t>(bits >> 8 & 255),
            static_cast<Type>(bits >> 16 & 63),
            static_cast<Type>(bits >> 22 & 63),
            (bits >> 28 & 1) != 0,
            (bits >> 29 & 1) != 0,
            (bits >> 30 & 1) != 0,
            static_cast<uint32_t>(bits >> 32)};
  }
  unsigned a_registers() const { return rows * depth * bits_of(a) / 32 / kLanes; }
  unsigned b_registers() const { return depth * kColumns * bits_of(b) / 32 / kLanes; }
  unsigned elements() const { return rows * kColumns / kLanes; }  // of C and D, per lane
};

using MatrixA = float[kMaxRows][kMaxDepth];
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

void load_factors(Warp& warp, const Instruction& instruction, const Plan& plan, unsigned first_a, unsigned first_b,
                  MatrixA& a, MatrixB& b) {
  switch (bits_of(plan.a)) {
    case 4: load_a<32>(warp, instruction, first_a, plan, a); return load_b<32>(warp, instruction, first_b, plan, b);
    case 8: load_a<16>(warp, instruction, first_a, plan, a); return load_b<16>(warp, instruction, first_b, plan, b);
    case 16: load_a<8>(warp, instruction, first_a, plan, a); return load_b<8>(warp, instruction, first_b, plan, b);
    default: load_a<4>(warp, instruction, first_a, plan, a); return load_b<4>(warp, instruction, first_b, plan, b);
  }
}

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

// f32 or f16x2 accumulators.
void complete_float(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const Plan plan = Plan::unpack(instruction.immediate);
  const unsigned results = plan.elements() / (plan.half_result ? 2 : 1);
  const unsigned first_b = results + plan.a_registers(), first_c = first_b + plan.b_registers();
  MatrixA a;
  MatrixB b;
  Sums sums;
  load_factors(warp, instruction, plan, results, first_b, a, b);
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
  multiply(a, b, plan, sums);
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
void complete_integer(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const Plan plan = Plan::unpack(instruction.immediate);
  const unsigned results = plan.elements();
  const unsigned first_b = results + plan.a_registers(), first_c = first_b + plan.b_registers();
  MatrixA a;
  MatrixB b;
  Sums sums = {};
  load_factors(warp, instruction, plan, results, first_b, a, b);
  multiply(a, b, plan, sums);
  for (unsigned e = 0; e < results; ++e) {
    const float* part = sums + e / 2 * 64 + e % 2;
    const int32_t* c = warp.row<int32_t>(instruction.at(first_c + e));
    for_lanes(mask, warp.row<int32_t>(instruction.at(e)), [=](unsigned i) {
      const int64_t sum = int64_t{c[i]} + static_cast<int32_t>(part[2 * i]);
      const int64_t clamped = sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum;
      return static_cast<int32_t>(plan.saturate ? clamped : sum);
    });
  }
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
  const ElementFormat format = element_format(a);
  if (format.bits != element_format(b).bits || format.integer != element_format(b).integer) return nullptr;
  if (format.bits >= 16 && a != b) return nullptr;
  if (format.integer) {
    if (c != Type::s32 || d != Type::s32) return nullptr;
    declare_fragments(choice, d, plan.elements(), Type::b32, plan.a_registers(), plan.b_registers(), c,
                      plan.elements());
    return mma_integer;
  }
  const bool half_allowed = a == Type::f16 || format.bits == 8;
  if (saturate || c != d || (d != Type::f32 && !(half_allowed && d == Type::f16))) return nullptr;
  declare_fragments(choice, plan.half_result ? Type::b32 : d, plan.elements() / (plan.half_result ? 2 : 1), Type::b32,
                    plan.a_registers(), plan.b_registers(), plan.half_addend ? Type::b32 : c,
                    plan.elements() / (plan.half_addend ? 2 : 1));
  return mma_float;
}

constexpr OpcodeRow kRows[] = {{"mma", kAnyType, choose_mma, "9.7.14.5"}};

}  // namespace
VGPU_SOFT_ROWS(matrix_multiply, kRows)
}  // namespace vgpu::soft::VGPU_ISA
