// SPDX-License-Identifier: Apache-2.0
// suld, sust and sured (PTX ISA 9.7.10.1 to 9.7.10.3) on surfaces named by a handle or a .surfref. The .b forms address
// bytes in a row and know no format, sust.p addresses texels and converts to their format.
#include <algorithm>
#include <bit>
#include <cstring>

#include "softgpu/machine/texel.h"
#include "softgpu/machine/texture_access.h"

namespace vgpu::soft::portable {
namespace {

// What happens outside of the surface, as the modifier says.
enum class Outside : uint8_t { trap, clamp, zero };
enum class Reduction : uint8_t { add, min, max, bit_and, bit_or };

// What a chooser found; in Instruction::immediate.
struct Form {
  Geometry geometry = Geometry::line;
  Outside outside = Outside::trap;
  uint8_t count = 1;          // of elements
  uint8_t element_bytes = 4;  // of a .b form's
  bool texels = false;        // sust.p
  Reduction reduction = Reduction::add;
  uint8_t unused[2] = {};
};
static_assert(sizeof(Form) == sizeof(int64_t));

Form form_of(const Instruction& instruction) { return std::bit_cast<Form>(instruction.immediate); }

// One coordinate: whether it is inside of [0, size), after clamping where that is asked for.
bool place(int64_t& coordinate, int64_t size, Outside outside) {
  if (outside == Outside::clamp && size > 0) coordinate = std::clamp<int64_t>(coordinate, 0, size - 1);
  return coordinate >= 0 && coordinate < size;
}

// The lane's coordinates, from operand `first` on, as the address of `bytes` bytes; nullptr outside, and after a fault.
std::byte* locate(Warp& warp, const Instruction& instruction, const Image& image, unsigned first, unsigned lane,
                  uint32_t bytes) {
  const Form form = form_of(instruction);
  unsigned next = first;
  const auto coordinate = [&] { return int64_t{warp.row<int32_t>(instruction.at(next++))[lane]}; };
  const ImageLevel& level = image.levels[0];
  int64_t layer = has_layer(form.geometry) ? coordinate() : 0;
  int64_t x = coordinate();
  int64_t y = coordinates_of(form.geometry) > 1 ? coordinate() : 0;
  int64_t z = coordinates_of(form.geometry) > 2 ? coordinate() : 0;
  const auto given = static_cast<uint64_t>(x);
  if (form.texels) x *= image.texel_bytes();
  // In whole accesses, so that clamping keeps the alignment.
  if (!form.texels && x % bytes != 0) {
    warp.fault(CUDA_ERROR_MISALIGNED_ADDRESS, instruction, lane, "misaligned x coordinate of a surface", given);
    return nullptr;
  }
  x /= bytes;
  const bool inside =
      place(x, static_cast<int64_t>(uint64_t{level.width} * image.texel_bytes() / bytes), form.outside) &&
      place(y, level.height, form.outside) && place(z, level.depth, form.outside) &&
      place(layer, image.layers, form.outside);
  if (!inside) {
    if (form.outside == Outside::trap) {
      warp.fault(CUDA_ERROR_ILLEGAL_ADDRESS, instruction, lane, "coordinates outside of the surface, x", given);
    }
    return nullptr;
  }
  const uint64_t offset = level.offset + static_cast<uint64_t>(layer + z) * level.slice +
                          static_cast<uint64_t>(y) * level.pitch + static_cast<uint64_t>(x) * bytes;
  // SAFETY: find_texture checked the image's memory, and the coordinates lie inside.
  return reinterpret_cast<std::byte*>(image.address + offset);
}

// Calls `action(lane, image)` for each lane with its surface, until a fault.
template <class Action>
void for_each_lane(Warp& warp, const Instruction& instruction, LaneMask mask, unsigned handle_operand, Action action) {
  const uint64_t* handles = warp.row<uint64_t>(instruction.at(handle_operand));
  const Texture* surface = nullptr;
  uint64_t found = 0;
  for (; mask != 0; mask &= mask - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(mask));
    if (surface == nullptr || handles[lane] != found) {
      surface = find_texture(warp, instruction, lane, handles[lane], true);
      if (surface == nullptr) return;
      found = handles[lane];
    }
    action(lane, surface->image);
    if (warp.stopped) return;
  }
}

// The bytes of an element in the row of an operand.
std::byte* element(Warp& warp, Operand operand, unsigned lane, unsigned bytes) {
  return warp.row<std::byte>(operand) + size_t{lane} * bytes;
}

void load(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Form form = form_of(instruction);
  const unsigned bytes = form.element_bytes;
  for_each_lane(warp, instruction, mask, form.count, [&](unsigned lane, const Image& image) {
    const std::byte* from = locate(warp, instruction, image, form.count + 1u, lane, bytes * form.count);
    if (warp.stopped) return;
    for (unsigned i = 0; i < form.count; ++i) {
      std::byte* to = element(warp, instruction.at(i), lane, bytes);
      if (from != nullptr) std::memcpy(to, from + size_t{i} * bytes, bytes);
      else std::memset(to, 0, bytes);
    }
  });
}

void store(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Form form = form_of(instruction);
  const unsigned bytes = form.element_bytes;
  const unsigned first = 1 + elements_of(form.geometry);
  for_each_lane(warp, instruction, mask, 0, [&](unsigned lane, const Image& image) {
    std::byte* to = locate(warp, instruction, image, 1, lane, bytes * form.count);
    for (unsigned i = 0; i < form.count && to != nullptr; ++i) {
      std::memcpy(to + size_t{i} * bytes, element(warp, instruction.at(first + i), lane, bytes), bytes);
    }
  });
}

void store_texel(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Form form = form_of(instruction);
  const unsigned first = 1 + elements_of(form.geometry);
  for_each_lane(warp, instruction, mask, 0, [&](unsigned lane, const Image& image) {
    std::byte* to = locate(warp, instruction, image, 1, lane, image.texel_bytes());
    Texel texel{};
    for (unsigned i = 0; i < form.count; ++i) texel[i] = warp.row<uint32_t>(instruction.at(first + i))[lane];
    if (to != nullptr) write_texel(image, to, texel);
  });
}

template <class T>
void reduce_at(std::byte* at, Reduction reduction, T value) {
  T* const target = reinterpret_cast<T*>(at);
  T old = __atomic_load_n(target, __ATOMIC_RELAXED);
  T fresh = 0;
  do {
    switch (reduction) {
      case Reduction::add:
        fresh = static_cast<T>(static_cast<std::make_unsigned_t<T>>(old) + static_cast<std::make_unsigned_t<T>>(value));
        break;
      case Reduction::min: fresh = std::min(old, value); break;
      case Reduction::max: fresh = std::max(old, value); break;
      case Reduction::bit_and: fresh = old & value; break;
      case Reduction::bit_or: fresh = old | value; break;
    }
  } while (!__atomic_compare_exchange_n(target, &old, fresh, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

template <class T>
void reduce(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const Form form = form_of(instruction);
  const unsigned source = 1 + elements_of(form.geometry);
  for_each_lane(warp, instruction, mask, 0, [&](unsigned lane, const Image& image) {
    std::byte* at = locate(warp, instruction, image, 1, lane, sizeof(T));
    if (at != nullptr) reduce_at<T>(at, form.reduction, warp.row<T>(instruction.at(source))[lane]);
  });
}

// Modifiers that all have: geometry, vector, what happens outside. The cache's are hints.
bool take_form(Choice& choice, Form& form) {
  constexpr const char* kOutside[] = {"trap", "clamp", "zero"};
  constexpr const char* kCaches[] = {"ca", "cg", "cs", "cv", "wb", "wt"};
  choice.take_one(kCaches);
  const int geometry = choice.take_one(kGeometries);
  const int outside = choice.take_one(kOutside);
  if (geometry < 0 || geometry > static_cast<int>(Geometry::plane_array)) return false;
  form.geometry = static_cast<Geometry>(geometry);
  // Without a modifier it is .trap.
  form.outside = outside < 0 ? Outside::trap : static_cast<Outside>(outside);
  form.count = choice.take("v4") ? 4 : choice.take("v2") ? 2 : 1;
  return true;
}

bool declare_address(Choice& choice, const Form& form) {
  if (!choice.open()) return false;
  choice.handle();
  choice.coordinates(elements_of(form.geometry));
  return true;
}

// The type of a .b form; none when it is not one.
Type take_element(Choice& choice, Form& form) {
  const Type type = choice.take_type();
  if (!contains(types(Type::b8, Type::b16, Type::b32, Type::b64), type)) return Type::none;
  form.element_bytes = static_cast<uint8_t>(bits_of(type) / 8);
  return form.element_bytes * form.count > 16 ? Type::none : type;
}

Handler choose_load(Choice& choice) {
  Form form;
  if (!choice.take("b") || !take_form(choice, form)) return nullptr;
  const Type type = take_element(choice, form);
  if (type == Type::none) return nullptr;
  choice.results_relaxed(type, form.count);
  if (!declare_address(choice, form)) return nullptr;
  choice.set_immediate(std::bit_cast<int64_t>(form));
  return load;
}

Handler choose_store(Choice& choice) {
  Form form;
  form.texels = choice.take("p");
  if ((!form.texels && !choice.take("b")) || !take_form(choice, form)) return nullptr;
  const Type type = form.texels ? choice.take_type() : take_element(choice, form);
  const TypeSet texel_types = types(Type::b32, Type::u32, Type::s32, Type::f32);
  if (type == Type::none || (form.texels && !contains(texel_types, type))) return nullptr;
  if (!declare_address(choice, form)) return nullptr;
  if (form.texels) choice.sources(type, form.count);
  else choice.sources_relaxed(type, form.count);
  choice.set_immediate(std::bit_cast<int64_t>(form));
  return form.texels ? store_texel : store;
}

Handler choose_reduction(Choice& choice) {
  Form form;
  constexpr const char* kReductions[] = {"add", "min", "max", "and", "or"};
  if (!choice.take("b")) return nullptr;
  const int reduction = choice.take_one(kReductions);
  if (reduction < 0 || !take_form(choice, form) || form.count != 1 || has_layer(form.geometry)) return nullptr;
  form.reduction = static_cast<Reduction>(reduction);
  const Type type = choice.take_type();
  const bool bitwise = form.reduction == Reduction::bit_and || form.reduction == Reduction::bit_or;
  if (!contains(bitwise ? types(Type::b32, Type::b64) : types(Type::u32, Type::s32, Type::u64, Type::s64), type))
    return nullptr;
  if (!declare_address(choice, form)) return nullptr;
  choice.source(type);
  choice.set_immediate(std::bit_cast<int64_t>(form));
  switch (type) {
    case Type::s32: return reduce<int32_t>;
    case Type::s64: return reduce<int64_t>;
    default: return bits_of(type) == 64 ? reduce<uint64_t> : reduce<uint32_t>;
  }
}

constexpr OpcodeRow kRows[] = {
    {"suld", kAnyType, choose_load, "9.7.10.1"},
    {"sust", kAnyType, choose_store, "9.7.10.2"},
    {"sured", kAnyType, choose_reduction, "9.7.10.3"},
};

}  // namespace
VGPU_SOFT_ROWS(surface, kRows)
}  // namespace vgpu::soft::portable
