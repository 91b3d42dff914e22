// SPDX-License-Identifier: Apache-2.0
// wmma of 8x8 results (PTX ISA 9.7.14.4): m8n8k32 of 4-bit integers, m8n8k128 of bits (multiplied in matrix_bits.cpp)
// and m8n8k4 of f64. A register of lane l holds 32 bits, or an f64, of row l / 4 of A and of column l / 4 of B;
// register r of C and D holds element 32 r + l, row by row.
#include <cstring>

#include "softgpu/machine/ops/wmma.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr unsigned kSide = 8;

// One matrix in memory. Travels as a row of its own: the immediate holds the address's displacement.
struct Tile {
  bool factor = false;  // A or B: a fragment of one register
  bool along = false;   // factors: K runs along the rows of memory; C and D: columns do
  bool wide_address = false;
  uint8_t bytes = 4;         // of a register: 4 or 8
  uint8_t per_register = 1;  // elements
  Space space = Space::generic;

  uint64_t pack() const {
    return uint64_t{factor} | uint64_t{along} << 1 | uint64_t{wide_address} << 2 | uint64_t{bytes} << 8 |
           uint64_t{per_register} << 16 | uint64_t{static_cast<uint8_t>(space)} << 24;
  }
  static Tile unpack(uint64_t bits) {
    return {(bits & 1) != 0,
            (bits >> 1 & 1) != 0,
            (bits >> 2 & 1) != 0,
            static_cast<uint8_t>(bits >> 8),
            static_cast<uint8_t>(bits >> 16),
            static_cast<Space>(bits >> 24 & 255)};
  }
};

// Addresses of register r in all lanes. Base and stride (in elements) are the same in all lanes by contract.
void register_addresses(const Tile& tile, uint64_t base, uint64_t stride, unsigned r, Addresses& out) {
  for (unsigned i = 0; i < kLanes; ++i) {
    uint64_t outer = tile.factor ? i / 4 : (r * kLanes + i) / kSide, inner = tile.factor ? i % 4 : i % kSide;
    if (!tile.along) std::swap(outer, inner);
    // The stride of 4-bit and 1-bit elements is a multiple of a register's.
    out.at[i] = base + (outer * (stride / tile.per_register) + inner) * tile.bytes;
  }
}

// Operands of both: address at `first`, the stride and the tile behind it.
bool find_register(Warp& warp, const Instruction& instruction, unsigned address, unsigned stride, LaneMask mask,
                   unsigned r, bool write, std::byte** pointers) {
  const Tile tile = Tile::unpack(*warp.row<uint64_t>(instruction.at(stride + 1)));
  const auto lane = static_cast<unsigned>(__builtin_ctz(mask));
  const uint64_t base = matrix_address(warp, instruction, address, tile.wide_address, mask);
  Addresses addresses;
  register_addresses(tile, base, warp.row<uint32_t>(instruction.at(stride))[lane], r, addresses);
  return resolve_lanes(warp, instruction, kAllLanes, tile.space, addresses.at, tile.bytes, write, pointers);
}

// Operands: registers, address, stride, tile.
template <class T>
void complete_load(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const unsigned count = instruction.aux;
  std::byte* pointers[kLanes];
  for (unsigned r = 0; r < count; ++r) {
    if (!find_register(warp, instruction, count, count + 1, mask, r, false, pointers)) return;
    for_lanes(mask, warp.row<T>(instruction.at(r)), [&](unsigned i) { return read_memory<T>(pointers[i]); });
  }
}

// Operands: address, registers, stride, tile.
template <class T>
void complete_store(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const unsigned count = instruction.aux;
  std::byte* pointers[kLanes];
  for (unsigned r = 0; r < count; ++r) {
    if (!find_register(warp, instruction, 0, count + 1, mask, r, true, pointers)) return;
    const T* values = warp.row<T>(instruction.at(1 + r));
    for (unsigned i = 0; i < kLanes; ++i) write_memory<T>(pointers[i], values[i]);
  }
}

template <class T>
void load(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_load<T>);
}
template <class T>
void store(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_store<T>);
}

// Operands: D (2), A, B, C (2). aux: A and B are unsigned; the sum is limited.
constexpr uint8_t kUnsigned = 1, kSaturate = 2;

void complete_nibbles(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  float a[kLanes * 8], b[kLanes * 8];
  const DecodeRow decode = (instruction.aux & kUnsigned) != 0 ? decode_nibbles<false> : decode_nibbles<true>;
  decode(warp.row<uint32_t>(instruction.at(2)), a);
  decode(warp.row<uint32_t>(instruction.at(3)), b);
  for (unsigned r = 0; r < 2; ++r) {
    int32_t results[kLanes];
    const int32_t* c = warp.row<int32_t>(instruction.at(4 + r));
    for (unsigned i = 0; i < kLanes; ++i) {
      const unsigned row = r * 4 + i / kSide, column = i % kSide;
      float sum = 0;
      for (unsigned k = 0; k < 32; ++k) sum += a[row * 32 + k] * b[column * 32 + k];
      const int64_t total = int64_t{c[i]} + static_cast<int32_t>(sum);
      results[i] = (instruction.aux & kSaturate) != 0 ? clamp_to_s32(total) : static_cast<int32_t>(total);
    }
    for_lanes(mask, warp.row<int32_t>(instruction.at(r)), [&](unsigned i) { return results[i]; });
  }
}

// The immediate holds the rounding mode.
void complete_doubles(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const double* a = warp.row<double>(instruction.at(2));
  const double* b = warp.row<double>(instruction.at(3));
  double results[2][kLanes];
  _mm_setcsr(static_cast<uint32_t>(instruction.immediate));
  asm volatile("" ::: "memory");
  for (unsigned r = 0; r < 2; ++r) {
    const double* c = warp.row<double>(instruction.at(4 + r));
    for (unsigned i = 0; i < kLanes; ++i) {
      const unsigned row = r * 4 + i / kSide, column = i % kSide;
      double sum = c[i];
      for (unsigned k = 0; k < 4; ++k) {
        const double x = a[row * 4 + k], y = b[column * 4 + k];
        sum = finish(__builtin_fma(x, y, sum), x, y, sum);
      }
      results[r][i] = sum;
    }
  }
  asm volatile("" ::: "memory");
  _mm_setcsr(kDefaultMode);
  for (unsigned r = 0; r < 2; ++r)
    for_lanes(mask, warp.row<double>(instruction.at(r)), [&](unsigned i) { return results[r][i]; });
}

void multiply_nibbles(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_nibbles);
}
void multiply_doubles(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_doubles);
}

enum Shape8 { k4, k32, k128 };
int take_shape(Choice& choice) {
  static constexpr const char* kShapes[] = {"m8n8k4", "m8n8k32", "m8n8k128"};
  if (!choice.take("sync") || !choice.take("aligned")) return -1;
  return choice.take_one(kShapes);
}

bool is_factor(int shape, Type type) {
  if (shape == k4) return type == Type::f64;
  return shape == k32 ? type == Type::s4 || type == Type::u4 : type == Type::b1;
}

// The tile of a load or store; false when the form does not exist.
bool take_tile(Choice& choice, char part, Tile& tile, unsigned& depth) {
  static constexpr unsigned kDepths[] = {4, 32, 128};
  const int shape = take_shape(choice);
  const bool by_column = choice.take("col");
  if (shape < 0 || (!by_column && !choice.take("row"))) return false;
  tile.space = take_matrix_space(choice);
  const Type type = choice.take_type();
  tile.bytes = shape == k4 ? 8 : 4;
  tile.factor = part == 'a' || part == 'b';
  tile.along = part == 'b' ? by_column : !by_column;
  depth = kDepths[shape];
  if (!tile.factor) return type == (shape == k4 ? Type::f64 : Type::s32);
  if (!is_factor(shape, type)) return false;
  tile.per_register = static_cast<uint8_t>(shape == k4 ? 1 : 32 / bits_of(type));
  return shape == k4 || tile.along;
}

// The stride may be left out: then rows, or columns, follow each other.
void take_stride(Choice& choice, const Tile& tile, unsigned depth) {
  if (choice.more()) choice.source(Type::u32);
  else choice.source_value(Type::u32, tile.factor && tile.along ? depth : kSide);
  choice.source_value(Type::u64, tile.pack());
  choice.set_aux(tile.factor ? 1 : 2);
}

Handler choose_load(Choice& choice) {
  const char part = choice.take("a") ? 'a' : choice.take("b") ? 'b' : choice.take("c") ? 'c' : '\0';
  Tile tile;
  unsigned depth = 0;
  if (part == '\0' || !take_tile(choice, part, tile, depth)) return nullptr;
  choice.results(tile.bytes == 8 ? Type::f64 : Type::b32, tile.factor ? 1 : 2);
  tile.wide_address = choice.address() == 64;
  take_stride(choice, tile, depth);
  return tile.bytes == 8 ? load<uint64_t> : load<uint32_t>;
}

Handler choose_store(Choice& choice) {
  Tile tile;
  unsigned depth = 0;
  if (!choice.take("d") || !take_tile(choice, 'd', tile, depth)) return nullptr;
  tile.wide_address = choice.address() == 64;
  choice.sources(tile.bytes == 8 ? Type::f64 : Type::b32, 2);
  take_stride(choice, tile, depth);
  return tile.bytes == 8 ? store<uint64_t> : store<uint32_t>;
}

void declare_fragments(Choice& choice, Type factor, Type sum) {
  choice.results(sum, 2);
  choice.sources(factor, 1);
  choice.sources(factor, 1);
  choice.sources(sum, 2);
}

// wmma.mma.sync.aligned.alayout.blayout.shape{.rnd}.dtype.atype.btype.ctype{.satfinite} d, a, b, c;
Handler choose_multiply(Choice& choice) {
  const int shape = take_shape(choice);
  if (shape != k4 && shape != k32) return nullptr;
  static constexpr const char* kLayouts[] = {"row", "col"};
  const int layout_a = choice.take_first(kLayouts), layout_b = choice.take_first(kLayouts);
  if (layout_a < 0 || layout_b < 0 || (shape == k32 && (layout_a != 0 || layout_b != 1))) return nullptr;
  const Type d = choice.take_type(), a = choice.take_type(), b = choice.take_type(), c = choice.take_type();
  if (a != b || !is_factor(shape, a)) return nullptr;
  if (shape == k4) {
    if (c != a || d != a) return nullptr;
    choice.set_immediate(float_mode(take_rounding(choice), false));
    declare_fragments(choice, a, a);
    return multiply_doubles;
  }
  if (c != Type::s32 || d != Type::s32) return nullptr;
  const bool saturate = choice.take("satfinite");
  choice.set_aux(static_cast<uint8_t>((a == Type::u4 ? kUnsigned : 0) | (saturate ? kSaturate : 0)));
  declare_fragments(choice, Type::b32, Type::s32);
  return multiply_nibbles;
}

Handler choose(Choice& choice) { return choose_wmma(choice, choose_load, choose_store, choose_multiply); }

constexpr OpcodeRow kRows[] = {{"wmma", kAnyType, choose, "9.7.14.4"}};

}  // namespace
VGPU_SOFT_ROWS(wmma_small, kRows)
}  // namespace vgpu::soft::VGPU_ISA
