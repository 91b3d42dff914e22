// SPDX-License-Identifier: Apache-2.0
// tensormap.replace and tensormap.cp_fenceproxy (PTX ISA 9.7.9.28, 9.7.13.15): a kernel makes a tensor map of another
// one, in shared or global memory.
#include "softgpu/machine/tensor_map.h"

#include <cstring>

#include "softgpu/machine/memory.h"
#include "softgpu/machine/opcodes.h"

namespace vgpu::soft::portable {
namespace {

constexpr uint8_t kWideAddress = 1, kWideValue = 2;  // aux, with the space above
constexpr unsigned kSpaceShift = 2;

// A field of the map. What is kept less one is given as it is.
struct Field {
  const char* name;
  uint32_t offset, bytes;
  uint32_t ordinals;  // 0: there is but one
  bool less_one;
  uint32_t limit;  // of a value that must be a literal; 0: none
};

constexpr Field kFields[] = {
    {"global_address", offsetof(TensorMap, address), 8, 0, false, 0},
    {"rank", offsetof(TensorMap, rank_last), 1, 0, false, 0},
    {"box_dim", offsetof(TensorMap, box_last), 1, 5, true, 0},
    {"global_dim", offsetof(TensorMap, last), 4, 5, true, 0},
    {"global_stride", offsetof(TensorMap, strides), 8, 4, false, 0},
    {"element_stride", offsetof(TensorMap, step_last), 1, 5, true, 0},
    {"elemtype", offsetof(TensorMap, element), 1, 0, false, static_cast<uint32_t>(TensorElement::count)},
    {"interleave_layout", offsetof(TensorMap, interleave), 1, 0, false, 3},
    {"swizzle_mode", offsetof(TensorMap, swizzle), 1, 0, false, static_cast<uint32_t>(TensorSwizzle::count)},
    {"swizzle_atomicity", offsetof(TensorMap, atom), 1, 0, false, static_cast<uint32_t>(SwizzleAtom::count)},
    {"fill_mode", offsetof(TensorMap, fill), 1, 0, false, static_cast<uint32_t>(TensorFill::count)},
};

// Operands: address, its displacement behind it, value. immediate: the field's offset with the ordinal, its bytes,
// whether less one.
constexpr unsigned kAddress = 0, kValue = 2;

uint64_t address_of(Warp& warp, const Instruction& instruction, unsigned operand, bool wide, unsigned lane) {
  const uint64_t displacement = warp.row<uint64_t>(instruction.at(operand + 1))[lane];
  if (wide) return warp.row<uint64_t>(instruction.at(operand))[lane] + displacement;
  return static_cast<uint32_t>(warp.row<uint32_t>(instruction.at(operand))[lane] + displacement);
}

void replace(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const auto offset = static_cast<uint32_t>(instruction.immediate & 0xff);
  const auto bytes = static_cast<uint32_t>(instruction.immediate >> 8 & 0xf);
  const bool less_one = (instruction.immediate >> 12 & 1) != 0;
  const auto space = static_cast<Space>(instruction.aux >> kSpaceShift);
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(__builtin_ctz(rest));
    const uint64_t address = address_of(warp, instruction, kAddress, (instruction.aux & kWideAddress) != 0, lane);
    const uint64_t given = (instruction.aux & kWideValue) != 0 ? warp.row<uint64_t>(instruction.at(kValue))[lane]
                                                               : warp.row<uint32_t>(instruction.at(kValue))[lane];
    const uint64_t value = less_one ? given - 1 : given;
    std::byte* pointer = resolve(warp, instruction, lane, space, address + offset, bytes, true);
    if (pointer == nullptr) return;
    std::memcpy(pointer, &value, bytes);
  }
}

// tensormap.replace.tile.field{.space}.b1024.type [a]{, ordinal}, value;
Handler choose_replace(Choice& choice) {
  if (!choice.take("replace") || !choice.take("tile") || !choice.take("b1024")) return nullptr;
  const Field* field = nullptr;
  for (const Field& each : kFields)
    if (choice.take(each.name)) field = &each;
  if (field == nullptr) return nullptr;
  const Type type = choice.take("b64") ? Type::b64 : choice.take("b32") ? Type::b32 : Type::none;
  if (type != (field->bytes == 8 ? Type::b64 : Type::b32)) return nullptr;
  const Space space = choice.take("global")        ? Space::global
                      : choice.take("shared::cta") ? Space::shared
                                                   : Space::generic;
  auto aux = static_cast<uint8_t>(static_cast<unsigned>(space) << kSpaceShift);
  if (choice.address() == 64) aux |= kWideAddress;
  choice.source_value(Type::u64, static_cast<uint64_t>(choice.immediate()));
  int64_t ordinal = 0;
  if (field->ordinals != 0) ordinal = choice.constant();
  if (ordinal < 0 || (ordinal != 0 && ordinal >= field->ordinals)) return nullptr;
  if (field->limit != 0) {
    const int64_t value = choice.constant();
    if (value < 0 || value >= field->limit) return nullptr;
    choice.source_value(Type::b32, static_cast<uint64_t>(value));
  } else {
    choice.source(type);
  }
  if (type == Type::b64) aux |= kWideValue;
  const auto place = static_cast<int64_t>(field->offset) + ordinal * field->bytes;
  choice.set_immediate(place | int64_t{field->bytes} << 8 | int64_t{field->less_one} << 12);
  choice.set_aux(aux);
  return replace;
}

// The lanes of the warp do this together, with the same addresses.
void copy_map(Warp& warp, const Instruction& instruction, LaneMask mask) {
  constexpr uint32_t kPart = 32;
  const auto lane = static_cast<unsigned>(__builtin_ctz(mask));
  const uint64_t to = address_of(warp, instruction, 0, true, lane);
  const uint64_t from = address_of(warp, instruction, 2, (instruction.aux & kWideAddress) != 0, lane);
  warp.synchronising = true;
  for (uint32_t done = 0; done < sizeof(TensorMap); done += kPart) {
    const std::byte* source = resolve(warp, instruction, lane, Space::shared, from + done, kPart, false);
    if (source == nullptr) return;
    std::byte* destination = resolve(warp, instruction, lane, Space::global, to + done, kPart, true);
    if (destination == nullptr) return;
    std::memcpy(destination, source, kPart);
  }
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

// tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.scope.sync.aligned [d], [s], 128;
Handler choose_copy(Choice& choice) {
  static constexpr const char* kScopes[] = {"cta", "cluster", "gpu", "sys"};
  if (!choice.take("cp_fenceproxy") || !choice.take("global") || !choice.take("shared::cta")) return nullptr;
  if (!choice.take("tensormap::generic") || !choice.take("release") || choice.take_one(kScopes) < 0) return nullptr;
  if (!choice.take("sync") || !choice.take("aligned")) return nullptr;
  if (choice.address() != 64) return nullptr;
  choice.source_value(Type::u64, static_cast<uint64_t>(choice.immediate()));
  if (choice.address() == 64) choice.set_aux(kWideAddress);
  choice.source_value(Type::u64, static_cast<uint64_t>(choice.immediate()));
  choice.set_immediate(0);
  return choice.constant() == sizeof(TensorMap) ? copy_map : nullptr;
}

constexpr OpcodeRow kRows[] = {
    {"tensormap", kAnyType, choose_replace, "9.7.9.28"},
    {"tensormap", kAnyType, choose_copy, "9.7.13.15"},
};

}  // namespace
VGPU_SOFT_ROWS(tensor_map, kRows)
}  // namespace vgpu::soft::portable
