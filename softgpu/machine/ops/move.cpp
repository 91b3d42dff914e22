// SPDX-License-Identifier: Apache-2.0
// mov: registers, immediates, addresses and special registers, and packing and unpacking of vectors (PTX ISA 9.7.9.3,
// 9.7.9.4). An address or special register is a row like any other by the time it gets here.
#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// Sixteen bytes that are copied, never computed with.
struct Wide {
  uint64_t low, high;
};

template <class T>
void move(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const T* a = warp.row<T>(instruction.operand[1]);
  for_lanes(mask, warp.row<T>(instruction.operand[0]), [=](unsigned i) { return a[i]; });
}

void move_wide(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Wide* a = warp.row<Wide>(instruction.operand[1]);
  Wide* d = warp.row<Wide>(instruction.operand[0]);
  for_each_lane(mask, [=](unsigned i) { d[i] = a[i]; });
}

void move_predicate(Warp& warp, const Instruction& instruction, LaneMask mask) {
  warp.set_predicate(instruction.operand[0], warp.predicate(instruction.operand[1]), mask);
}

// {a, b, ...} = source: element k is the k-th part from the low end. The source is read before anything is written,
// because it may be one of the results.
template <class T, class E>
void unpack(Warp& warp, const Instruction& instruction, LaneMask mask) {
  constexpr unsigned kCount = sizeof(T) / sizeof(E);
  const T* a = warp.row<T>(instruction.operand[kCount]);
  T values[kLanes];
  for (unsigned i = 0; i < kLanes; ++i) values[i] = a[i];
  for (unsigned k = 0; k < kCount; ++k) {
    for_lanes(mask, warp.row<E>(instruction.operand[k]),
              [&](unsigned i) { return static_cast<E>(values[i] >> (k * sizeof(E) * 8)); });
  }
}

template <class T, class E>
void pack(Warp& warp, const Instruction& instruction, LaneMask mask) {
  constexpr unsigned kCount = sizeof(T) / sizeof(E);
  const E* elements[kCount];
  for (unsigned k = 0; k < kCount; ++k) elements[k] = warp.row<E>(instruction.operand[k + 1]);
  for_lanes(mask, warp.row<T>(instruction.operand[0]), [&](unsigned i) {
    T value = 0;
    for (unsigned k = 0; k < kCount; ++k)
      value = static_cast<T>(value | static_cast<T>(static_cast<T>(elements[k][i]) << (k * sizeof(E) * 8)));
    return value;
  });
}

void unpack_wide(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Wide* a = warp.row<Wide>(instruction.operand[2]);
  uint64_t* low = warp.row<uint64_t>(instruction.operand[0]);
  uint64_t* high = warp.row<uint64_t>(instruction.operand[1]);
  for_each_lane(mask, [=](unsigned i) {
    low[i] = a[i].low;
    high[i] = a[i].high;
  });
}

void pack_wide(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint64_t* low = warp.row<uint64_t>(instruction.operand[1]);
  const uint64_t* high = warp.row<uint64_t>(instruction.operand[2]);
  Wide* d = warp.row<Wide>(instruction.operand[0]);
  for_each_lane(mask, [=](unsigned i) { d[i] = Wide{low[i], high[i]}; });
}

// Element by element; all sources are read before anything is written.
template <class T, unsigned kCount>
void move_vector(Warp& warp, const Instruction& instruction, LaneMask mask) {
  T values[kCount][kLanes];
  for (unsigned k = 0; k < kCount; ++k) {
    const T* a = warp.row<T>(instruction.at(kCount + k));
    for (unsigned i = 0; i < kLanes; ++i) values[k][i] = a[i];
  }
  for (unsigned k = 0; k < kCount; ++k)
    for_lanes(mask, warp.row<T>(instruction.at(k)), [&](unsigned i) { return values[k][i]; });
}

Type bits_type(unsigned bits) {
  switch (bits) {
    case 8: return Type::b8;
    case 16: return Type::b16;
    case 32: return Type::b32;
    case 64: return Type::b64;
    default: return Type::none;
  }
}

// Handlers by the width of the whole and of an element.
Handler unpack_handler(unsigned bits, unsigned element) {
  if (bits == 128 && element == 64) return unpack_wide;
  if (bits == 64 && element == 32) return unpack<uint64_t, uint32_t>;
  if (bits == 64 && element == 16) return unpack<uint64_t, uint16_t>;
  if (bits == 32 && element == 16) return unpack<uint32_t, uint16_t>;
  if (bits == 32 && element == 8) return unpack<uint32_t, uint8_t>;
  return bits == 16 && element == 8 ? unpack<uint16_t, uint8_t> : nullptr;
}

Handler pack_handler(unsigned bits, unsigned element) {
  if (bits == 128 && element == 64) return pack_wide;
  if (bits == 64 && element == 32) return pack<uint64_t, uint32_t>;
  if (bits == 64 && element == 16) return pack<uint64_t, uint16_t>;
  if (bits == 32 && element == 16) return pack<uint32_t, uint16_t>;
  if (bits == 32 && element == 8) return pack<uint32_t, uint8_t>;
  return bits == 16 && element == 8 ? pack<uint16_t, uint8_t> : nullptr;
}

Handler plain_handler(unsigned bits) {
  switch (bits) {
    case 1: return move_predicate;
    case 16: return move<uint16_t>;
    case 32: return move<uint32_t>;
    case 64: return move<uint64_t>;
    case 128: return move_wide;
    default: return nullptr;
  }
}

Handler vector_handler(unsigned bits, unsigned count) {
  switch (bits) {
    case 16: return count == 2 ? move_vector<uint16_t, 2> : move_vector<uint16_t, 4>;
    case 32: return count == 2 ? move_vector<uint32_t, 2> : move_vector<uint32_t, 4>;
    case 64: return count == 2 ? move_vector<uint64_t, 2> : nullptr;
    default: return nullptr;
  }
}

Handler choose_mov(Choice& choice) {
  // Between vectors: in no manual, but ptxas takes it, and the libraries of GCC's offloading are full of it.
  constexpr const char* kVectors[] = {"v2", "v4"};
  const int vector = choice.take_one(kVectors);
  const Type type = choice.take_type();
  const unsigned bits = bits_of(type);
  if (vector >= 0) {
    const unsigned count = vector == 0 ? 2 : 4;
    choice.results(bits_type(bits), count);
    choice.sources(bits_type(bits), count);
    return vector_handler(bits, count);
  }
  const unsigned results = choice.elements();
  if (choice.shape() == Shape::vector && results > 1) {
    const unsigned element = bits / results;
    choice.results(bits_type(element), results);
    choice.source(type);
    return unpack_handler(bits, element);
  }
  choice.result(type);
  const unsigned sources = choice.elements();
  if (choice.shape() == Shape::vector && sources > 1) {
    const unsigned element = bits / sources;
    choice.sources(bits_type(element), sources);
    return pack_handler(bits, element);
  }
  choice.source(type);
  return plain_handler(bits);
}

constexpr TypeSet kMovable =
    kBits16To64 | kIntegers16To64 | kFloats | types(Type::pred, Type::b128, Type::f16, Type::bf16, Type::f16x2);

constexpr OpcodeRow kRows[] = {{"mov", kMovable, choose_mov, "9.7.9.3"}};

}  // namespace
VGPU_SOFT_ROWS(move, kRows)
}  // namespace vgpu::soft::VGPU_ISA
