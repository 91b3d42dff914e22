// SPDX-License-Identifier: Apache-2.0
// wgmma (PTX ISA 9.7.15): D = A * B + D of a warp group, four warps with 16 rows each. B, and A unless it is in
// registers, lie in shared memory as matrix descriptors say. Done when issued: a warp computes its rows, and then the
// warps of the group wait for each other, so that whoever goes on may overwrite what all have read. Sums as in
// matrix_multiply.cpp.
#include <cstdio>
#include <cstring>

#include "softgpu/machine/cluster_address.h"
#include "softgpu/machine/ops/matrix.h"
#include "softgpu/machine/warp_group.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr unsigned kWarpRows = 16, kMaxColumns = 256, kMaxDepth = 32;
constexpr unsigned kRowBytes = 32, kChunk = 16;  // of a row of A or a column of B: two chunks
constexpr unsigned kCoreRows = 8;

struct Plan {
  uint8_t column_groups;  // of eight
  Type a, b;              // b1: bits
  bool a_in_registers, transpose_a, transpose_b, negate_a, negate_b, half_result, saturate;

  int64_t pack() const {
    return column_groups | static_cast<int>(a) << 8 | static_cast<int>(b) << 14 | a_in_registers << 20 |
           transpose_a << 21 | transpose_b << 22 | negate_a << 23 | negate_b << 24 | half_result << 25 | saturate << 26;
  }
  static Plan unpack(int64_t bits) {
    const auto flag = [bits](unsigned at) { return (bits >> at & 1) != 0; };
    return {static_cast<uint8_t>(bits & 255),
            static_cast<Type>(bits >> 8 & 63),
            static_cast<Type>(bits >> 14 & 63),
            flag(20),
            flag(21),
            flag(22),
            flag(23),
            flag(24),
            flag(25),
            flag(26)};
  }
  unsigned columns() const { return column_groups * 8u; }
  unsigned results() const { return columns() / (half_result ? 4 : 2); }
};

// Where a matrix lies (9.7.15.5.1.2.2, matrix descriptor).
struct Descriptor {
  uint32_t start, leading, stride;  // bytes
  uint32_t span;                    // of the swizzle: 32, 64, 128, or 16 for none
  bool usable;

  explicit Descriptor(uint64_t bits)
      : start(static_cast<uint32_t>(bits & 0x3fff) << 4),
        leading(static_cast<uint32_t>(bits >> 16 & 0x3fff) << 4),
        stride(static_cast<uint32_t>(bits >> 32 & 0x3fff) << 4),
        span(uint32_t{16} << ((4 - (bits >> 62)) & 3)),
        usable((bits >> 49 & 7) == 0) {}

  uint32_t swizzled(uint32_t address) const { return address ^ (address >> 7 & (span / kChunk - 1)) << 4; }
  // The chunk of a row whose elements along the depth are side by side.
  uint32_t chunk(uint32_t row, uint32_t number) const {
    const uint32_t between = span == kChunk ? leading : kChunk;
    return swizzled(start + row % kCoreRows * span + row / kCoreRows * stride + number * between);
  }
  // A 16-bit element of a matrix whose rows' elements are side by side instead.
  uint32_t element(uint32_t row, uint32_t depth) const {
    const uint32_t along = row * 2 / span, across = depth / kCoreRows;
    const uint32_t groups = span == kChunk ? along * stride + across * leading : along * leading + across * stride;
    return swizzled(start + row * 2 % span + depth % kCoreRows * span + groups);
  }
};

// Rows of 32 bytes along the depth, as fragments have them.
using Rows = uint8_t[kMaxColumns][kRowBytes];

bool read_rows(Warp& warp, const Instruction& instruction, uint64_t bits, bool transpose, uint32_t first,
               uint32_t count, Rows& rows) {
  const Descriptor descriptor(bits);
  const auto refuse = [&](uint64_t address) {
    warp.fault(CUDA_ERROR_ILLEGAL_ADDRESS, instruction, 0, "matrix outside of shared memory", address);
    return false;
  };
  if (!descriptor.usable) {
    warp.fault(CUDA_ERROR_ILLEGAL_INSTRUCTION, instruction, 0, "matrix descriptor with a base offset", bits);
    return false;
  }
  for (uint32_t row = 0; row < count; ++row) {
    for (uint32_t number = 0; !transpose && number < kRowBytes / kChunk; ++number) {
      const uint32_t address = descriptor.chunk(first + row, number);
      const std::byte* from = locate_shared(warp, address, kChunk);
      if (from == nullptr) return refuse(address);
      std::memcpy(rows[row] + number * kChunk, from, kChunk);
    }
    for (uint32_t depth = 0; transpose && depth < kRowBytes / 2; ++depth) {
      const uint32_t address = descriptor.element(first + row, depth);
      const std::byte* from = locate_shared(warp, address, 2);
      if (from == nullptr) return refuse(address);
      std::memcpy(rows[row] + depth * 2, from, 2);
    }
  }
  return true;
}

// Register r of lane l: row l / 4, or eight further, and four bytes of the depth.
void take_rows(Warp& warp, const Instruction& instruction, unsigned first, Rows& rows) {
  for (unsigned r = 0; r < 4; ++r) {
    const uint32_t* row = warp.row<uint32_t>(instruction.at(first + r));
    for (unsigned i = 0; i < kLanes; ++i) std::memcpy(rows[i / 4 + r % 2 * 8] + i % 4 * 4 + r / 2 * kChunk, &row[i], 4);
  }
}

struct Factors {
  alignas(64) Rows a;
  alignas(64) Rows b;
};

unsigned first_factor(const Plan& plan) { return plan.results(); }

// Both factors and the predicate that says whether D counts. False after a fault.
bool read_factors(Warp& warp, const Instruction& instruction, const Plan& plan, unsigned lane, Factors& factors) {
  const unsigned first = first_factor(plan), second = first + (plan.a_in_registers ? 4 : 1);
  if (plan.a_in_registers) take_rows(warp, instruction, first, factors.a);
  else if (!read_rows(warp, instruction, warp.row<uint64_t>(instruction.at(first))[lane], plan.transpose_a,
                      warp.index % 4 * kWarpRows, kWarpRows, factors.a))
    return false;
  return read_rows(warp, instruction, warp.row<uint64_t>(instruction.at(second))[lane], plan.transpose_b, 0,
                   plan.columns(), factors.b);
}

bool keeps_sum(Warp& warp, const Instruction& instruction, const Plan& plan, unsigned lane) {
  const unsigned at = first_factor(plan) + (plan.a_in_registers ? 4 : 1) + 1;
  return (warp.predicate(instruction.at(at)) >> lane & 1) != 0;
}

// out[row][k] of `count` rows, a multiple of four: a register of all lanes is four rows of 32 bytes.
void decode(const Rows& rows, uint32_t count, Type type, bool negate, float (*out)[kMaxDepth]) {
  const ElementFormat format = element_format(type);
  const unsigned depth = kRowBytes * 8 / format.bits;
  float decoded[4 * kMaxDepth];
  for (uint32_t row = 0; row < count; row += 4) {
    format.decode(reinterpret_cast<const uint32_t*>(rows[row]), decoded);
    for (unsigned i = 0; i < 4 * depth; ++i) out[row + i / depth][i % depth] = negate ? -decoded[i] : decoded[i];
  }
}

struct Product {
  alignas(64) float a[kWarpRows][kMaxDepth];
  alignas(64) float b[kMaxColumns][kMaxDepth];
  alignas(64) float by_depth[kMaxDepth][kMaxColumns];
  alignas(64) float sums[kWarpRows][kMaxColumns];
};

// Adds A * B to the sums, in order of the depth.
void multiply(const Plan& plan, const Factors& factors, Product& product) {
  const unsigned depth = kRowBytes * 8 / element_format(plan.a).bits, columns = plan.columns();
  decode(factors.a, kWarpRows, plan.a, plan.negate_a, product.a);
  decode(factors.b, columns, plan.b, plan.negate_b, product.b);
  for (unsigned k = 0; k < depth; ++k)
    for (unsigned n = 0; n < columns; ++n) product.by_depth[k][n] = product.b[n][k];
  for (unsigned row = 0; row < kWarpRows; ++row) {
    for (unsigned k = 0; k < depth; ++k) {
      const float factor = product.a[row][k];
      for (unsigned n = 0; n < columns; ++n) product.sums[row][n] += factor * product.by_depth[k][n];
    }
  }
}

// Bits: how many both have.
void count_bits(const Plan& plan, const Factors& factors, Product& product) {
  for (unsigned row = 0; row < kWarpRows; ++row) {
    for (unsigned n = 0; n < plan.columns(); ++n) {
      int count = 0;
      for (unsigned i = 0; i < kRowBytes; ++i) count += __builtin_popcount(factors.a[row][i] & factors.b[n][i]);
      product.sums[row][n] = static_cast<float>(count);
    }
  }
}

// Lane l has of eight columns those at 2 (l % 4), in the rows l / 4 and eight further.
unsigned row_of(unsigned lane, unsigned element) { return lane / 4 + element / 2 % 2 * 8; }
unsigned column_of(unsigned lane, unsigned element) { return element / 4 * 8 + lane % 4 * 2 + element % 2; }

void complete_float(Warp& warp, const Instruction& instruction, const Plan& plan, const Factors& factors, LaneMask mask,
                    bool keep, Product& product) {
  const unsigned elements = plan.columns() / 2;
  for (unsigned e = 0; e < elements; ++e) {
    for (unsigned i = 0; i < kLanes; ++i) {
      float old = 0;
      if (keep && plan.half_result)
        old = half_to_float(static_cast<uint16_t>(warp.row<uint32_t>(instruction.at(e / 2))[i] >> e % 2 * 16));
      else if (keep) old = warp.row<float>(instruction.at(e))[i];
      product.sums[row_of(i, e)][column_of(i, e)] = old;
    }
  }
  multiply(plan, factors, product);
  const auto sum = [&](unsigned i, unsigned e) { return product.sums[row_of(i, e)][column_of(i, e)]; };
  for (unsigned r = 0; r < plan.results(); ++r) {
    if (plan.half_result) {
      for_lanes(mask, warp.row<uint32_t>(instruction.at(r)), [&](unsigned i) {
        return uint32_t{float_to_half(sum(i, 2 * r))} | uint32_t{float_to_half(sum(i, 2 * r + 1))} << 16;
      });
    } else {
      for_lanes(mask, warp.row<float>(instruction.at(r)), [&](unsigned i) { return finish(sum(i, r), 0, 0); });
    }
  }
}

void complete_integer(Warp& warp, const Instruction& instruction, const Plan& plan, const Factors& factors,
                      LaneMask mask, bool keep, Product& product) {
  if (plan.a == Type::b1) {
    count_bits(plan, factors, product);
  } else {
    std::memset(product.sums, 0, sizeof product.sums);
    multiply(plan, factors, product);
  }
  for (unsigned r = 0; r < plan.results(); ++r) {
    int32_t* row = warp.row<int32_t>(instruction.at(r));
    for_lanes(mask, row, [&](unsigned i) {
      const auto added = static_cast<int32_t>(product.sums[row_of(i, r)][column_of(i, r)]);
      const int64_t sum = (keep ? int64_t{row[i]} : 0) + added;
      return plan.saturate ? clamp_to_s32(sum) : static_cast<int32_t>(sum);
    });
  }
}

template <bool integer>
void product(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Plan plan = Plan::unpack(instruction.immediate);
  const auto lane = static_cast<unsigned>(__builtin_ctz(mask));
  Factors factors;
  Product room;
  warp.synchronising = true;
  if (!read_factors(warp, instruction, plan, lane, factors)) return;
  const bool keep = keeps_sum(warp, instruction, plan, lane);
  if constexpr (integer) complete_integer(warp, instruction, plan, factors, mask, keep, room);
  else complete_float(warp, instruction, plan, factors, mask, keep, room);
  wait_for_warp_group(warp, instruction, mask);
}

void nothing(Warp&, const Instruction&, LaneMask) {}

// m64nNkK: K is what 32 bytes hold.
unsigned take_columns(Choice& choice, unsigned depth) {
  for (unsigned columns = 8; columns <= kMaxColumns; columns += 8) {
    char shape[16];
    std::snprintf(shape, sizeof shape, "m64n%uk%u", columns, depth);
    if (choice.take(shape)) return columns;
  }
  return 0;
}

// Which pairs of types there are, and their results.
bool fits_types(Type d, Type a, Type b) {
  const bool bytes = a == Type::s8 || a == Type::u8, small = a == Type::e4m3 || a == Type::e5m2;
  if (bytes) return d == Type::s32 && (b == Type::s8 || b == Type::u8);
  if (small) return (d == Type::f32 || d == Type::f16) && (b == Type::e4m3 || b == Type::e5m2);
  if (a != b) return false;
  if (a == Type::f16) return d == Type::f32 || d == Type::f16;
  if (a == Type::b1) return d == Type::s32;
  return (a == Type::bf16 || a == Type::tf32) && d == Type::f32;
}

bool take_sign(Choice& choice, bool& negate) {
  const int64_t sign = choice.constant();
  negate = sign == -1;
  return sign == 1 || sign == -1;
}
bool take_flag(Choice& choice, bool& flag) {
  const int64_t value = choice.constant();
  flag = value == 1;
  return value == 0 || value == 1;
}

bool declare(Choice& choice, Plan& plan, Type d) {
  choice.results(plan.half_result ? Type::b32 : d, plan.results());
  plan.a_in_registers = choice.shape() == Shape::vector;
  if (plan.a_in_registers) choice.sources(Type::b32, 4);
  else choice.source(Type::b64);
  choice.source(Type::b64);
  choice.source(Type::pred);
  if (d == Type::s32) return true;
  if (!take_sign(choice, plan.negate_a) || !take_sign(choice, plan.negate_b)) return false;
  if (plan.a != Type::f16 && plan.a != Type::bf16) return true;
  if (!plan.a_in_registers && !take_flag(choice, plan.transpose_a)) return false;
  return take_flag(choice, plan.transpose_b);
}

// wgmma.mma_async.sync.aligned.shape{.satfinite}.dtype.atype.btype{.and.popc} d, a, b, keep{, signs}{, transpositions};
Handler choose_product(Choice& choice) {
  Plan plan = {};
  plan.saturate = choice.take("satfinite");
  const Type d = choice.take_type();
  plan.a = choice.take_type();
  plan.b = choice.take_type();
  if (!fits_types(d, plan.a, plan.b)) return nullptr;
  if (plan.a == Type::b1 && (!choice.take("and") || !choice.take("popc"))) return nullptr;
  if (plan.saturate && plan.a != Type::s8 && plan.a != Type::u8) return nullptr;
  const unsigned columns = take_columns(choice, kRowBytes * 8 / bits_of(plan.a));
  // Of integers and bits wider ones come in steps of 16.
  if (columns == 0 || (d == Type::s32 && columns > 32 && columns % 16 != 0) ||
      (d == Type::s32 && columns > 24 && columns < 32))
    return nullptr;
  plan.column_groups = static_cast<uint8_t>(columns / 8);
  plan.half_result = d == Type::f16;
  if (!declare(choice, plan, d)) return nullptr;
  choice.set_immediate(plan.pack());
  return d == Type::s32 ? product<true> : product<false>;
}

Handler choose_wgmma(Choice& choice) {
  const bool multiplies = choice.take("mma_async"), waits = !multiplies && choice.take("wait_group");
  if (!multiplies && !waits && !choice.take("fence") && !choice.take("commit_group")) return nullptr;
  if (!choice.take("sync") || !choice.take("aligned")) return nullptr;
  if (multiplies) return choose_product(choice);
  if (waits && choice.constant() < 0) return nullptr;
  return nothing;
}

constexpr OpcodeRow kRows[] = {{"wgmma", kAnyType, choose_wgmma, "9.7.15"}};

}  // namespace
VGPU_SOFT_ROWS(warp_group, kRows)
}  // namespace vgpu::soft::VGPU_ISA
