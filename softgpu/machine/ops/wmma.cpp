// SPDX-License-Identifier: Apache-2.0
// wmma.load, wmma.store, wmma.mma (PTX ISA 9.7.14.4). The PTX ISA leaves open which element of a matrix a lane holds,
// so the fragments here are simply the matrix row by row: register r of lane l holds the elements from (32 r + l) * E
// on, E elements in each. Where the ISA gives f16 operands more registers than that takes, they repeat.
#include "softgpu/machine/ops/wmma.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr unsigned kMaxElements = 512;  // of any of the matrices: 32 x 16

// One matrix in memory and in registers. Travels as a row of its own: the immediate holds the address's displacement.
struct Tile {
  uint8_t rows, columns, registers, element_bits;
  bool by_column, wide_address;
  Space space;

  uint64_t pack() const {
    return rows | uint64_t{columns} << 8 | uint64_t{registers} << 16 | uint64_t{element_bits} << 24 |
           uint64_t{by_column} << 32 | uint64_t{wide_address} << 33 | uint64_t{static_cast<uint8_t>(space)} << 40;
  }
  static Tile unpack(uint64_t bits) {
    return {static_cast<uint8_t>(bits),          static_cast<uint8_t>(bits >> 8), static_cast<uint8_t>(bits >> 16),
            static_cast<uint8_t>(bits >> 24),    (bits >> 32 & 1) != 0,           (bits >> 33 & 1) != 0,
            static_cast<Space>(bits >> 40 & 255)};
  }
  unsigned per_register() const { return 32u / element_bits; }
  unsigned used_registers() const { return rows * columns / kLanes / per_register(); }
};

// Addresses of element `index` of register `r` in all lanes. Base and stride are the same in all lanes by contract. All
// matrices have a power of two of columns.
void element_addresses(const Tile& tile, uint64_t base, uint64_t stride, unsigned r, unsigned index, Addresses& out) {
  const auto shift = static_cast<unsigned>(__builtin_ctz(tile.columns));
  const uint64_t bytes = tile.element_bits / 8;
  const uint64_t row_bytes = (tile.by_column ? 1 : stride) * bytes,
                 column_bytes = (tile.by_column ? stride : 1) * bytes;
  for (unsigned i = 0; i < kLanes; ++i) {
    const unsigned element = (r * kLanes + i) * tile.per_register() + index;
    out.at[i] = base + (element >> shift) * row_bytes + (element & (tile.columns - 1u)) * column_bytes;
  }
}

struct Access {
  Tile tile;
  uint64_t base, stride;
};

Access access_of(Warp& warp, const Instruction& instruction, unsigned address, unsigned stride, LaneMask mask) {
  const auto lane = static_cast<unsigned>(__builtin_ctz(mask));
  Access access;
  access.tile = Tile::unpack(*warp.row<uint64_t>(instruction.at(stride + 1)));
  access.base = matrix_address(warp, instruction, address, access.tile.wide_address, mask);
  access.stride = warp.row<uint32_t>(instruction.at(stride))[lane];
  return access;
}

template <class T>
bool load_register(Warp& warp, const Instruction& instruction, const Access& access, unsigned r, uint32_t* out) {
  Addresses addresses;
  std::byte* pointers[kLanes];
  for (unsigned index = 0; index < 4 / sizeof(T); ++index) {
    element_addresses(access.tile, access.base, access.stride, r, index, addresses);
    if (!resolve_lanes(warp, instruction, kAllLanes, access.tile.space, addresses.at, sizeof(T), false, pointers))
      return false;
    for (unsigned i = 0; i < kLanes; ++i)
      out[i] |= static_cast<uint32_t>(read_memory<T>(pointers[i])) << (index * sizeof(T) * 8);
  }
  return true;
}

// Elements of a row lie side by side, so that a register of them is one word.
bool load_part(Warp& warp, const Instruction& instruction, const Access& access, unsigned r, uint32_t* out) {
  if (access.tile.element_bits == 32 || !access.tile.by_column)
    return load_register<uint32_t>(warp, instruction, access, r, out);
  if (access.tile.element_bits == 8) return load_register<uint8_t>(warp, instruction, access, r, out);
  return load_register<uint16_t>(warp, instruction, access, r, out);
}

template <class T>
bool store_register(Warp& warp, const Instruction& instruction, const Access& access, unsigned r, const uint32_t* in) {
  Addresses addresses;
  std::byte* pointers[kLanes];
  for (unsigned index = 0; index < access.tile.per_register(); ++index) {
    element_addresses(access.tile, access.base, access.stride, r, index, addresses);
    if (!resolve_lanes(warp, instruction, kAllLanes, access.tile.space, addresses.at, sizeof(T), true, pointers))
      return false;
    for (unsigned i = 0; i < kLanes; ++i)
      write_memory<T>(pointers[i], static_cast<T>(in[i] >> (index * sizeof(T) * 8)));
  }
  return true;
}

// Operands: registers, address, stride, tile.
void complete_load(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const Access access = access_of(warp, instruction, instruction.aux, instruction.aux + 1u, mask);
  const unsigned used = access.tile.used_registers();
  for (unsigned r = 0; r < used; ++r) {
    uint32_t values[kLanes] = {};
    if (!load_part(warp, instruction, access, r, values)) return;
    for (unsigned same = r; same < access.tile.registers; same += used)
      for_lanes(mask, warp.row<uint32_t>(instruction.at(same)), [&](unsigned i) { return values[i]; });
  }
}

// Operands: address, registers, stride, tile.
void complete_store(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const Access access = access_of(warp, instruction, 0, instruction.aux + 1u, mask);
  for (unsigned r = 0; r < access.tile.registers; ++r) {
    const uint32_t* values = warp.row<uint32_t>(instruction.at(1 + r));
    const bool good = access.tile.element_bits == 16 ? store_register<uint16_t>(warp, instruction, access, r, values)
                                                     : store_register<uint32_t>(warp, instruction, access, r, values);
    if (!good) return;
  }
}

void wmma_load(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_load);
}
void wmma_store(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_store);
}

// wmma.mma: m x n x k, element types of A and B, and whether C and D are f16.
struct Plan {
  uint8_t m, n, k, a_registers, b_registers;
  Type a, b;
  bool half_result, half_addend, saturate;

  int64_t pack() const {
    return m | n << 8 | k << 16 | int64_t{a_registers} << 24 | int64_t{b_registers} << 28 |
           static_cast<int64_t>(a) << 32 | static_cast<int64_t>(b) << 40 | int64_t{half_result} << 48 |
           int64_t{half_addend} << 49 | int64_t{saturate} << 50;
  }
  static Plan unpack(int64_t bits) {
    const auto field = [=](unsigned shift, unsigned mask) { return static_cast<uint8_t>(bits >> shift & mask); };
    return {field(0, 255),
            field(8, 255),
            field(16, 255),
            field(24, 15),
            field(28, 15),
            static_cast<Type>(field(32, 255)),
            static_cast<Type>(field(40, 255)),
            field(48, 1) != 0,
            field(49, 1) != 0,
            field(50, 1) != 0};
  }
};

void decode_tile(Warp& warp, const Instruction& instruction, unsigned first, Type type, unsigned elements, float* out) {
  const ElementFormat format = element_format(type);
  const unsigned per_row = kLanes * 32 / format.bits;
  for (unsigned e = 0; e < elements; e += per_row)
    format.decode(warp.row<uint32_t>(instruction.at(first + e / per_row)), out + e);
}

// Eight columns of four rows at a time, which stay in registers; every size is a multiple of these.
void multiply(const Plan& plan, const float* a, const float* b, float* sums) {
  using Row = float __attribute__((vector_size(8 * sizeof(float))));
  for (unsigned row = 0; row < plan.m; row += 4) {
    for (unsigned column = 0; column < plan.n; column += 8) {
      Row sum[4];
      for (unsigned r = 0; r < 4; ++r) std::memcpy(&sum[r], sums + (row + r) * plan.n + column, sizeof(Row));
      for (unsigned k = 0; k < plan.k; ++k) {
        Row factor;
        std::memcpy(&factor, b + k * plan.n + column, sizeof factor);
        for (unsigned r = 0; r < 4; ++r) sum[r] += a[(row + r) * plan.k + k] * factor;
      }
      for (unsigned r = 0; r < 4; ++r) std::memcpy(sums + (row + r) * plan.n + column, &sum[r], sizeof(Row));
    }
  }
}

constexpr unsigned kSums = 256;  // m * n in every shape

void complete_multiply(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask) {
  const Plan plan = Plan::unpack(instruction.immediate);
  const bool integer = element_format(plan.a).integer;
  const unsigned results = plan.half_result ? 4 : 8;
  const unsigned first_b = results + plan.a_registers, first_c = first_b + plan.b_registers;
  float a[kMaxElements], b[kMaxElements], sums[kSums] = {};
  decode_tile(warp, instruction, results, plan.a, plan.m * plan.k, a);
  decode_tile(warp, instruction, first_b, plan.b, plan.k * plan.n, b);
  for (unsigned r = 0; !integer && r < (plan.half_addend ? 4u : 8u); ++r) {
    if (plan.half_addend) decode_halves<HalfOps>(warp.row<uint32_t>(instruction.at(first_c + r)), sums + r * 64);
    else std::memcpy(sums + r * kLanes, warp.row<float>(instruction.at(first_c + r)), sizeof(float) * kLanes);
  }
  multiply(plan, a, b, sums);
  for (unsigned r = 0; r < results; ++r) {
    const float* part = sums + r * (plan.half_result ? 64 : 32);
    if (plan.half_result) {
      for_lanes(mask, warp.row<uint32_t>(instruction.at(r)), [=](unsigned i) {
        return uint32_t{float_to_half(part[2 * i])} | uint32_t{float_to_half(part[2 * i + 1])} << 16;
      });
    } else if (integer) {
      const int32_t* c = warp.row<int32_t>(instruction.at(first_c + r));
      for_lanes(mask, warp.row<int32_t>(instruction.at(r)), [=](unsigned i) {
        const int64_t sum = int64_t{c[i]} + static_cast<int32_t>(part[i]);
        return plan.saturate ? clamp_to_s32(sum) : static_cast<int32_t>(sum);
      });
    } else {
      for_lanes(mask, warp.row<float>(instruction.at(r)), [=](unsigned i) { return finish(part[i], 0, 0); });
    }
  }
}

void wmma_multiply(Warp& warp, const Instruction& instruction, LaneMask mask) {
  with_whole_warp(warp, instruction, mask, complete_multiply);
}

struct Sizes {
  const char* name;
  uint8_t m, n, k;
};
constexpr Sizes kSizes[] = {
    {"m16n16k16", 16, 16, 16}, {"m8n32k16", 8, 32, 16}, {"m32n8k16", 32, 8, 16}, {"m16n16k8", 16, 16, 8}};

const Sizes* take_sizes(Choice& choice) {
  for (const Sizes& sizes : kSizes)
    if (choice.take(sizes.name)) return &sizes;
  return nullptr;
}

// Whether the shape exists for the type of A and B, and how many registers `elements` of it take.
bool shape_exists(Type type, const Sizes& sizes) {
  if (type == Type::tf32) return sizes.k == 8;
  return sizes.k == 16 && (type == Type::f16 || type == Type::bf16 || type == Type::s8 || type == Type::u8);
}
unsigned registers_of(Type type, unsigned elements) {
  return type == Type::f16 ? 8 : elements * element_format(type).bits / 32 / kLanes;
}

enum class Part { a, b, accumulator };

// The tile of wmma.load and wmma.store; registers 0 when the form does not exist.
Tile take_tile(Choice& choice, Part part) {
  Tile tile{};
  if (!choice.take("sync") || !choice.take("aligned")) return tile;
  const Sizes* sizes = take_sizes(choice);
  tile.by_column = choice.take("col");
  if (sizes == nullptr || (!tile.by_column && !choice.take("row"))) return tile;
  tile.space = take_matrix_space(choice);
  const Type type = choice.take_type();
  tile.rows = part == Part::b ? sizes->k : sizes->m;
  tile.columns = part == Part::a ? sizes->k : sizes->n;
  if (part != Part::accumulator) {
    if (!shape_exists(type, *sizes)) return tile;
    tile.element_bits = static_cast<uint8_t>(element_format(type).bits);
    tile.registers = static_cast<uint8_t>(registers_of(type, static_cast<unsigned>(tile.rows) * tile.columns));
  } else if (type == Type::f32 || (sizes->k == 16 && (type == Type::f16 || type == Type::s32))) {
    tile.element_bits = static_cast<uint8_t>(bits_of(type));
    tile.registers = type == Type::f16 ? 4 : 8;
  }
  return tile;
}

// The stride may be left out: then rows, or columns, follow each other.
void take_stride(Choice& choice, Tile tile) {
  if (choice.more()) choice.source(Type::u32);
  else choice.source_value(Type::u32, tile.by_column ? tile.rows : tile.columns);
  choice.source_value(Type::u64, tile.pack());
  choice.set_aux(tile.registers);
}

Handler choose_load(Choice& choice) {
  static constexpr const char* kParts[] = {"a", "b", "c"};
  const int part = choice.take_one(kParts);
  if (part < 0) return nullptr;
  Tile tile = take_tile(choice, static_cast<Part>(part));
  if (tile.registers == 0) return nullptr;
  choice.results(Type::b32, tile.registers);
  tile.wide_address = choice.address() == 64;
  take_stride(choice, tile);
  return wmma_load;
}

Handler choose_store(Choice& choice) {
  if (!choice.take("d")) return nullptr;
  Tile tile = take_tile(choice, Part::accumulator);
  if (tile.registers == 0) return nullptr;
  tile.wide_address = choice.address() == 64;
  choice.sources(Type::b32, tile.registers);
  take_stride(choice, tile);
  return wmma_store;
}

// wmma.mma.sync.aligned.alayout.blayout.shape.dtype{.atype.btype}.ctype{.satfinite} d, a, b, c; without the types of A
// and B these are f16. The layouts only matter to the loads.
Handler choose_multiply(Choice& choice) {
  if (!choice.take("sync") || !choice.take("aligned")) return nullptr;
  for (int i = 0; i < 2; ++i)
    if (!choice.take("row") && !choice.take("col")) return nullptr;
  const Sizes* sizes = take_sizes(choice);
  const bool saturate = choice.take("satfinite");
  const Type d = choice.take_type();
  Type a = Type::f16, b = Type::f16, c = choice.take_type();
  if (choice.peek_type() != Type::none) {
    a = c;
    b = choice.take_type();
    c = choice.take_type();
  }
  if (sizes == nullptr || a != b || !shape_exists(a, *sizes)) return nullptr;
  const bool integer = element_format(a).integer;
  const auto allowed = [=](Type type) {
    return integer ? type == Type::s32 : type == Type::f32 || (a == Type::f16 && type == Type::f16);
  };
  if (!allowed(c) || !allowed(d) || (saturate && !integer)) return nullptr;
  const unsigned a_registers = registers_of(a, sizes->m * sizes->k), b_registers = registers_of(b, sizes->k * sizes->n);
  const Plan plan{sizes->m,
                  sizes->n,
                  sizes->k,
                  static_cast<uint8_t>(a_registers),
                  static_cast<uint8_t>(b_registers),
                  a,
                  b,
                  d == Type::f16,
                  c == Type::f16,
                  saturate};
  choice.set_immediate(plan.pack());
  choice.results(Type::b32, plan.half_result ? 4 : 8);
  choice.sources(Type::b32, a_registers);
  choice.sources(Type::b32, b_registers);
  choice.sources(Type::b32, plan.half_addend ? 4 : 8);
  return wmma_multiply;
}

Handler choose(Choice& choice) { return choose_wmma(choice, choose_load, choose_store, choose_multiply); }

constexpr OpcodeRow kRows[] = {{"wmma", kAnyType, choose, "9.7.14.4"}};

}  // namespace
VGPU_SOFT_ROWS(wmma, kRows)
}  // namespace vgpu::soft::VGPU_ISA
