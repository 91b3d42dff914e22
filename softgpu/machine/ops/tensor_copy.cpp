// SPDX-License-Identifier: Apache-2.0
// cp.async.bulk.tensor, cp.reduce.async.bulk.tensor and their prefetch (PTX ISA 9.7.9.27.1). Done when issued, as all
// bulk copies (bulk_copy.h); the map is read when the instruction is.
#include "softgpu/machine/cluster_address.h"
#include "softgpu/machine/ops/bulk_copy.h"
#include "softgpu/machine/ops/bulk_reduction.h"
#include "softgpu/machine/ops/tensor_box.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr uint32_t kUnit = 16, kHalfUnit = 8;  // bytes: a row is a multiple of units, a swizzle moves halves at least
constexpr uint32_t kSharedAlignment = 128;
constexpr uint64_t kMostBytes = 1 << 18;  // no block has more shared memory, so no box is larger

// Instruction::immediate.
constexpr int64_t kRankMask = 7;
constexpr unsigned kModeShift = 3, kOperationShift = 8;
constexpr int64_t kWideShared = 1 << 5, kWideBarrier = 1 << 6, kMulticast = 1 << 7;

// Operands of loads: shared address, map, coordinates, mbarrier, offsets, mask of blocks; of stores: map, coordinates,
// shared address. An address takes two.
constexpr unsigned kLoadTo = 0, kLoadMap = 2, kStoreMap = 0;

uint32_t rank_of(const Instruction& instruction) { return static_cast<uint32_t>(instruction.immediate & kRankMask); }
BoxMode mode_of(const Instruction& instruction) {
  return static_cast<BoxMode>(instruction.immediate >> kModeShift & 3);
}
unsigned coordinates_of(BoxMode mode, uint32_t rank) { return mode == BoxMode::rows ? 5 : rank; }

bool is_usable(const BoxRequest& request, uint32_t rank) {
  const TensorMap& map = request.map;
  if (map.rank() != rank || map.element >= TensorElement::count || map.interleave != 0) return false;
  if (map.swizzle >= TensorSwizzle::count || map.atom >= SwizzleAtom::count || map.fill >= TensorFill::count)
    return false;
  const uint64_t row_bytes = uint64_t{row_elements(request)} * bytes_of(map.element);
  if (row_bytes % kUnit != 0 || count_rows(request) > kMostBytes / row_bytes) return false;
  if ((map.access == TensorAccess::im2col) != (request.mode == BoxMode::im2col)) return false;
  return request.mode != BoxMode::rows || map.box(1) == 1;
}

// The map and the coordinates of a lane, from operand `map` on. False after a fault.
bool read_request(Warp& warp, const Instruction& instruction, unsigned map, unsigned lane, BoxRequest& request) {
  const uint64_t address = warp.row<uint64_t>(instruction.at(map))[lane];
  constexpr uint32_t kPart = 32;  // what resolve() takes at a time
  for (uint32_t done = 0; done < sizeof request.map; done += kPart) {
    const std::byte* part = resolve(warp, instruction, lane, Space::generic, address + done, kPart, false);
    if (part == nullptr) return false;
    __builtin_memcpy(reinterpret_cast<std::byte*>(&request.map) + done, part, kPart);
  }
  const uint32_t rank = rank_of(instruction);
  request.mode = mode_of(instruction);
  for (unsigned i = 0; i < coordinates_of(request.mode, rank); ++i)
    request.at[i] = warp.row<int32_t>(instruction.at(map + 1 + i))[lane];
  if (!is_usable(request, rank)) {
    warp.fault(CUDA_ERROR_ILLEGAL_INSTRUCTION, instruction, lane, "copy by a tensor map that is not of its kind",
               address);
    return false;
  }
  // The manual does not say so; an H100 does.
  if (int64_t{request.at[0]} * int64_t{bytes_of(request.map.element)} % int64_t{kUnit} == 0) return true;
  warp.fault(CUDA_ERROR_ILLEGAL_INSTRUCTION, instruction, lane,
             "tensor copy of a row from between two units of 16 bytes", address);
  return false;
}

uint64_t fill_of(const TensorMap& map) {
  if (map.fill == TensorFill::zero) return 0;
  switch (map.element) {
    case TensorElement::f16: return 0x7eff7eff7eff7effu;  // what fma.oob knows
    case TensorElement::bf16: return 0x7fff7fff7fff7fffu;
    case TensorElement::f64: return 0x7fffffffffffffffu;
    default: return 0x7fffffff7fffffffu;
  }
}

// What a load makes of values of these types.
uint32_t converted(TensorElement element, uint32_t bits) {
  const uint32_t size = bits & Single::kMagnitude;
  if (element != TensorElement::tf32 && size < 0x00800000u) return bits & Single::kSign;
  if (element == TensorElement::f32_ftz || size == Single::kInfinity) return bits;
  if (size > Single::kInfinity) return 0x7fffe000u;  // an H100's, of a positive one
  return (bits + 0xfff + (bits >> 13 & 1u)) & ~0x1fffu;
}

bool is_converted(TensorElement element) {
  return element == TensorElement::f32_ftz || element == TensorElement::tf32 || element == TensorElement::tf32_ftz;
}

// The part of a row that a unit has: `elements` bytes [first, end) of it are inside.
struct Part {
  uint32_t first, end;
};
Part part_of(const BoxRow& row, uint32_t offset, uint32_t element) {
  const auto within = [offset](uint32_t bytes) { return std::clamp(bytes, offset, offset + kUnit) - offset; };
  return {within(row.first * element), within(row.end * element)};
}

// Whether what is inside of the row may be touched. False after a fault.
bool check_row(Warp& warp, const Instruction& instruction, unsigned lane, const BoxRow& row, uint32_t element,
               bool write) {
  if (row.first == row.end) return true;
  const uint64_t begin = row.address + uint64_t{row.first} * element, size = uint64_t{row.end - row.first} * element;
  if (begin % element == 0 && is_accessible(warp, instruction, begin, size, write)) return true;
  warp.fault(CUDA_ERROR_ILLEGAL_ADDRESS, instruction, lane,
             write ? "invalid write to a tensor" : "invalid read from a tensor", begin);
  return false;
}

// Moves a unit between a buffer and its place in shared memory. False after a fault.
bool move_shared(Warp& warp, const Instruction& instruction, unsigned lane, const TensorMap& map, uint32_t address,
                 uint64_t* unit, bool write) {
  for (uint32_t half = 0; half < kUnit / kHalfUnit; ++half) {
    const uint32_t place = swizzled(map, address + half * kHalfUnit);
    std::byte* pointer = resolve(warp, instruction, lane, Space::shared, place, kHalfUnit, write);
    if (pointer == nullptr) return false;
    if (write) __builtin_memcpy(pointer, &unit[half], kHalfUnit);
    else __builtin_memcpy(&unit[half], pointer, kHalfUnit);
  }
  return true;
}

bool load_row(Warp& warp, const Instruction& instruction, unsigned lane, const BoxRequest& request, const BoxRow& row,
              uint32_t shared) {
  const TensorMap& map = request.map;
  const uint32_t element = bytes_of(map.element), bytes = row_elements(request) * element;
  if (!check_row(warp, instruction, lane, row, element, false)) return false;
  shared += row.number * row_pitch(map, bytes);
  for (uint32_t offset = 0; offset < bytes; offset += kUnit) {
    uint64_t unit[2] = {fill_of(map), fill_of(map)};
    const Part part = part_of(row, offset, element);
    // SAFETY: check_row() has seen this part; a global address is a host address.
    const auto* from = reinterpret_cast<const std::byte*>(row.address + offset);
    if (part.first != part.end)
      __builtin_memcpy(reinterpret_cast<std::byte*>(unit) + part.first, from + part.first, part.end - part.first);
    auto* words = reinterpret_cast<uint32_t*>(unit);
    for (uint32_t i = part.first / 4; is_converted(map.element) && i < part.end / 4; ++i)
      words[i] = converted(map.element, words[i]);
    if (!move_shared(warp, instruction, lane, map, shared + offset, unit, true)) return false;
  }
  return true;
}

// What a store does with the elements of a unit: bytes [first, end).
using Write = void (*)(std::byte* to, const std::byte* from, uint32_t bytes);

bool store_row(Warp& warp, const Instruction& instruction, unsigned lane, const BoxRequest& request, const BoxRow& row,
               uint32_t shared, Write write) {
  const TensorMap& map = request.map;
  const uint32_t element = bytes_of(map.element), bytes = row_elements(request) * element;
  if (!check_row(warp, instruction, lane, row, element, true)) return false;
  shared += row.number * row_pitch(map, bytes);
  for (uint32_t offset = 0; offset < bytes; offset += kUnit) {
    const Part part = part_of(row, offset, element);
    if (part.first == part.end) continue;
    uint64_t unit[2] = {};
    if (!move_shared(warp, instruction, lane, map, shared + offset, unit, false)) return false;
    // SAFETY: as in load_row().
    auto* to = reinterpret_cast<std::byte*>(row.address + offset);
    write(to + part.first, reinterpret_cast<const std::byte*>(unit) + part.first, part.end - part.first);
  }
  return true;
}

bool is_aligned(Warp& warp, const Instruction& instruction, unsigned lane, uint64_t shared) {
  if (shared % kSharedAlignment == 0) return true;
  warp.fault(CUDA_ERROR_MISALIGNED_ADDRESS, instruction, lane, "tensor copy at a misaligned shared address", shared);
  return false;
}

// Loads the box to a shared address and tells the mbarrier. False after a fault.
bool load_box(Warp& warp, const Instruction& instruction, unsigned lane, const BoxRequest& request, uint32_t shared,
              uint64_t barrier) {
  const bool moved =
      for_box_rows(request, [&](const BoxRow& row) { return load_row(warp, instruction, lane, request, row, shared); });
  const uint64_t bytes = count_rows(request) * row_elements(request) * bytes_of(request.map.element);
  return moved && report_bytes(warp, instruction, barrier, lane, static_cast<uint32_t>(bytes));
}

bool load_lane(Warp& warp, const Instruction& instruction, unsigned lane) {
  BoxRequest request = {};
  if (!read_request(warp, instruction, kLoadMap, lane, request)) return false;
  const int64_t flags = instruction.immediate;
  const uint64_t shared = address_at(warp, instruction, kLoadTo, (flags & kWideShared) != 0, lane);
  if (!is_aligned(warp, instruction, lane, shared)) return false;
  unsigned next = kLoadMap + 1 + coordinates_of(request.mode, rank_of(instruction));
  const uint64_t barrier = address_at(warp, instruction, next, (flags & kWideBarrier) != 0, lane);
  next += 2;
  for (uint32_t i = 0; request.mode == BoxMode::im2col && i + 2 < rank_of(instruction); ++i)
    request.offsets[i] = warp.row<uint16_t>(instruction.at(next++))[lane];
  if ((flags & kMulticast) == 0)
    return load_box(warp, instruction, lane, request, static_cast<uint32_t>(shared), barrier);
  const uint16_t blocks = warp.row<uint16_t>(instruction.at(next))[lane];
  for (uint32_t rank = 0; rank < blocks_of_cluster(warp); ++rank) {
    if ((blocks >> rank & 1) == 0) continue;
    const uint32_t there = shared_address_of(warp, rank, static_cast<uint32_t>(shared));
    const uint32_t told = shared_address_of(warp, rank, static_cast<uint32_t>(barrier));
    if (!load_box(warp, instruction, lane, request, there, told)) return false;
  }
  return true;
}

void load(Warp& warp, const Instruction& instruction, LaneMask mask) {
  warp.synchronising = true;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1)
    if (!load_lane(warp, instruction, static_cast<unsigned>(__builtin_ctz(rest)))) return;
}

struct ElementWriter {
  using Made = Write;
  template <class Op, class T>
  static Write make() {
    return [](std::byte* to, const std::byte* from, uint32_t bytes) {
      for (uint32_t i = 0; i < bytes; i += sizeof(T))
        change<Op>(reinterpret_cast<T*>(to + i), *reinterpret_cast<const T*>(from + i), T{});
    };
  }
};

void overwrite(std::byte* to, const std::byte* from, uint32_t bytes) { __builtin_memcpy(to, from, bytes); }

// The type that a reduction has of the elements; b32 and b64 for those on bits.
Type type_of_element(TensorElement element, bool bits) {
  switch (element) {
    case TensorElement::u32: return bits ? Type::b32 : Type::u32;
    case TensorElement::s32: return bits ? Type::b32 : Type::s32;
    case TensorElement::u64: return bits ? Type::b64 : Type::u64;
    case TensorElement::s64: return bits ? Type::b64 : Type::s64;
    case TensorElement::f16: return Type::f16;
    case TensorElement::bf16: return Type::bf16;
    case TensorElement::f32:
    case TensorElement::f32_ftz: return Type::f32;
    case TensorElement::f64: return Type::f64;
    default: return Type::none;
  }
}

// 0: the elements are written as they are; otherwise one more than the index of an operation.
Write writer_of(TensorElement element, int operation) {
  if (operation == 0) return overwrite;
  return pick_bulk_reduction<ElementWriter>(operation - 1, type_of_element(element, operation > 5), true);
}

// Loads fill what lies before the tensor's beginning; stores and reductions of an H100 end the program there, though
// what lies behind the end is left out.
bool begins_inside(Warp& warp, const Instruction& instruction, unsigned lane, const BoxRequest& request) {
  const unsigned coordinates = request.mode == BoxMode::tile ? rank_of(instruction) : 0;
  for (unsigned i = 0; i < coordinates; ++i) {
    if (request.at[i] >= 0) continue;
    warp.fault(CUDA_ERROR_ILLEGAL_INSTRUCTION, instruction, lane, "tensor store that begins before the tensor",
               request.map.address);
    return false;
  }
  return true;
}

bool store_lane(Warp& warp, const Instruction& instruction, unsigned lane) {
  BoxRequest request = {};
  if (!read_request(warp, instruction, kStoreMap, lane, request)) return false;
  if (!begins_inside(warp, instruction, lane, request)) return false;
  const unsigned from = kStoreMap + 1 + coordinates_of(request.mode, rank_of(instruction));
  const uint64_t shared = address_at(warp, instruction, from, (instruction.immediate & kWideShared) != 0, lane);
  if (!is_aligned(warp, instruction, lane, shared)) return false;
  const Write write = writer_of(request.map.element, static_cast<int>(instruction.immediate >> kOperationShift));
  if (write == nullptr) {
    warp.fault(CUDA_ERROR_ILLEGAL_INSTRUCTION, instruction, lane, "reduction of a tensor of another type",
               request.map.address);
    return false;
  }
  return for_box_rows(request, [&](const BoxRow& row) {
    return store_row(warp, instruction, lane, request, row, static_cast<uint32_t>(shared), write);
  });
}

void store(Warp& warp, const Instruction& instruction, LaneMask mask) {
  warp.synchronising = true;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1)
    if (!store_lane(warp, instruction, static_cast<unsigned>(__builtin_ctz(rest)))) return;
}

void nothing(Warp&, const Instruction&, LaneMask) {}

int64_t take_rank(Choice& choice) {
  static constexpr const char* kRanks[] = {"1d", "2d", "3d", "4d", "5d"};
  return choice.take_one(kRanks) + 1;
}

// `[map, {x, y}]`; how many coordinates there are depends on the mode.
bool declare_tensor(Choice& choice, BoxMode mode, int64_t rank) {
  if (rank == 0 || (mode == BoxMode::im2col && rank < 3) || (mode == BoxMode::rows && rank != 2)) return false;
  if (!choice.open()) return false;
  choice.handle();
  choice.sources(Type::b32, coordinates_of(mode, static_cast<uint32_t>(rank)));
  return true;
}

BoxMode take_mode(Choice& choice, const char* im2col, const char* rows) {
  if (choice.take(im2col)) return BoxMode::im2col;
  if (rows != nullptr && choice.take(rows)) return BoxMode::rows;
  choice.take("tile");
  return BoxMode::tile;
}

int64_t flags_of(int64_t rank, BoxMode mode) { return rank | static_cast<int64_t>(mode) << kModeShift; }

// cp.async.bulk.prefetch.tensor.dim.L2.global{.mode}{.L2::cache_hint} [map, coordinates]{, offsets}{, policy};
Handler choose_prefetch(Choice& choice, int64_t rank) {
  if (!choice.take("L2") || !choice.take("global")) return nullptr;
  const BoxMode mode = take_mode(choice, "im2col", "tile::gather4");
  const bool policy = choice.take("L2::cache_hint");
  if (!declare_tensor(choice, mode, rank)) return nullptr;
  if (mode == BoxMode::im2col) choice.sources(Type::u16, static_cast<unsigned>(rank - 2));
  if (policy) choice.source(Type::b64);
  return nothing;
}

// cp.async.bulk.tensor.dim.dst.global{.mode}.mbarrier{.multicast}{.L2::cache_hint}
//   [d], [map, coordinates], [mbarrier]{, offsets}{, blocks}{, policy};
Handler choose_load(Choice& choice, int64_t rank, bool cluster) {
  if (!choice.take("global") || !choice.take("mbarrier::complete_tx::bytes")) return nullptr;
  const BoxMode mode = take_mode(choice, "im2col", "tile::gather4");
  int64_t flags = flags_of(rank, mode);
  if (cluster && choice.take("multicast::cluster")) flags |= kMulticast;
  // That the mbarrier is in the destination's own block is so without it, too.
  choice.take("cta_group::1");
  const bool policy = choice.take("L2::cache_hint");
  if (declare_address(choice) == 64) flags |= kWideShared;
  if (!declare_tensor(choice, mode, rank)) return nullptr;
  if (declare_address(choice) == 64) flags |= kWideBarrier;
  if (mode == BoxMode::im2col) choice.sources(Type::u16, static_cast<unsigned>(rank - 2));
  if ((flags & kMulticast) != 0) choice.source(Type::u16);
  if (policy) choice.source(Type::b64);
  choice.set_immediate(flags);
  return load;
}

// cp{.reduce}.async.bulk.tensor.dim.global.shared::cta{.op}{.mode}.bulk_group{.L2::cache_hint}
//   [map, coordinates], [s]{, policy};
Handler choose_store(Choice& choice, int64_t rank, int operation) {
  if (!choice.take("bulk_group")) return nullptr;
  const BoxMode mode = take_mode(choice, "im2col_no_offs", operation == 0 ? "tile::scatter4" : nullptr);
  const bool policy = choice.take("L2::cache_hint");
  int64_t flags = flags_of(rank, mode) | int64_t{operation} << kOperationShift;
  if (!declare_tensor(choice, mode, rank)) return nullptr;
  if (declare_address(choice) == 64) flags |= kWideShared;
  if (policy) choice.source(Type::b64);
  choice.set_immediate(flags);
  return store;
}

Handler choose_copy(Choice& choice) {
  static constexpr const char* kSpaces[] = {"global", "shared::cta", "shared::cluster"};
  if (!choice.take("async") || !choice.take("bulk") || !choice.take("tensor")) return nullptr;
  const int64_t rank = take_rank(choice);
  if (choice.take("prefetch")) return choose_prefetch(choice, rank);
  if (choice.take("reduce")) {
    if (choice.take_first(kSpaces) != 0 || choice.take_first(kSpaces) != 1) return nullptr;
    const int operation = choice.take_one(kBulkReductions);
    return operation >= 0 ? choose_store(choice, rank, operation + 1) : nullptr;
  }
  const int to = choice.take_first(kSpaces);
  if (to > 0) return choose_load(choice, rank, to == 2);
  return to == 0 && choice.take_first(kSpaces) == 1 ? choose_store(choice, rank, 0) : nullptr;
}

constexpr OpcodeRow kRows[] = {
    {"cp", kAnyType, choose_copy, "9.7.9.27.1"},
};

}  // namespace
VGPU_SOFT_ROWS(tensor_copy, kRows)
}  // namespace vgpu::soft::VGPU_ISA
