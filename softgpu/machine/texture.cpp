// SPDX-License-Identifier: Apache-2.0
// tex and tld4 (PTX ISA 9.7.9.3, 9.7.9.4), for textures named by a handle or a .texref with its sampler inside
// (.texmode_unified). sample.h has the rules.
#include <bit>

#include "softgpu/machine/sample.h"
#include "softgpu/machine/sample_row.h"
#include "softgpu/machine/texture_access.h"

namespace vgpu::soft::portable {
namespace {

enum class Detail : uint8_t { base, level, gradient };
enum class Output : uint8_t { word, half, half_pair };

// What a chooser found; in Instruction::immediate.
struct Form {
  Geometry geometry = Geometry::line;
  Detail detail = Detail::base;
  Output output = Output::word;
  bool integer = false;  // coordinates
  bool offset = false;   // an offset vector is there
  bool gather = false;
  uint8_t component = 0;  // of a gather
  uint8_t results = 4;
};
static_assert(sizeof(Form) == sizeof(int64_t));

constexpr unsigned spatial(Geometry geometry) {
  return geometry == Geometry::cube || geometry == Geometry::cube_array ? 2 : coordinates_of(geometry);
}

// The sources of an instruction, one after the other, as one lane has them.
class Sources {
 public:
  Sources(Warp& warp, const Instruction& instruction, unsigned first, unsigned lane)
      : warp_(warp), instruction_(instruction), next_(first), lane_(lane) {}
  uint32_t word() { return warp_.row<uint32_t>(instruction_.at(next_++))[lane_]; }
  float number() { return std::bit_cast<float>(word()); }
  std::array<float, 3> vector(unsigned count) {
    std::array<float, 3> values{};
    for (unsigned i = 0; i < count; ++i) values[i] = number();
    return values;
  }

 private:
  Warp& warp_;
  const Instruction& instruction_;
  unsigned next_;
  const unsigned lane_;
};

Texel fetch_lane(const Texture& texture, const Form& form, Sources& sources) {
  const unsigned used = coordinates_of(form.geometry);
  const uint32_t layer = has_layer(form.geometry) ? sources.word() : 0;
  std::array<int32_t, 3> at{};
  for (unsigned i = 0; i < used; ++i) at[i] = static_cast<int32_t>(sources.word());
  const auto level = static_cast<int32_t>(form.detail == Detail::level ? sources.word() : 0);
  if (form.offset) {
    for (unsigned i = 0; i < used; ++i) at[i] = static_cast<int32_t>(static_cast<uint32_t>(at[i]) + sources.word());
  }
  return fetch(texture, at, layer, level);
}

Texel sample_lane(const Texture& texture, const Form& form, Sources& sources) {
  SamplePoint point;
  point.dimensions = spatial(form.geometry);
  // To the hardware, one dimension is a row of two, sampled at its upper edge: a border above it counts for half (seen
  // on an H100, tests/ptx/texture/tex_1d_linear_border.ptx).
  if (point.dimensions == 1 && texture.sampler.address[1] == AddressMode::border) point.dimensions = 2;
  point.cube = form.geometry == Geometry::cube || form.geometry == Geometry::cube_array;
  const unsigned used = coordinates_of(form.geometry);
  if (has_layer(form.geometry)) point.layer = sources.word();
  point.at = sources.vector(used);
  float level = 0;
  std::array<float, 3> dx{}, dy{};
  if (form.detail == Detail::level) level = sources.number();
  if (form.detail == Detail::gradient) {
    dx = sources.vector(used);
    dy = sources.vector(used);
  }
  if (form.offset) {
    for (unsigned i = 0; i < used; ++i) point.offset[i] = static_cast<int32_t>(sources.word());
  }
  if (form.gather) return gather(texture, point, form.component);
  switch (form.detail) {
    case Detail::base: return sample(texture, point);
    case Detail::level: return sample_level(texture, point, level);
    case Detail::gradient: return sample_gradient(texture, point, dx, dy);
  }
  return {};
}

void write_result(Warp& warp, const Instruction& instruction, const Form& form, unsigned lane, const Texel& texel) {
  const auto half = [&](unsigned i) { return uint32_t{half_bits(std::bit_cast<float>(texel[i]))}; };
  for (unsigned i = 0; i < form.results; ++i) {
    const Operand row = instruction.at(i);
    switch (form.output) {
      case Output::word: warp.row<uint32_t>(row)[lane] = texel[i]; break;
      case Output::half: warp.row<uint16_t>(row)[lane] = static_cast<uint16_t>(half(i)); break;
      case Output::half_pair: warp.row<uint32_t>(row)[lane] = half(2 * i) | half(2 * i + 1) << 16; break;
    }
  }
}

// Whether sample_row knows how.
bool is_plain(const Form& form) {
  const bool geometry = !has_layer(form.geometry) && spatial(form.geometry) == coordinates_of(form.geometry);
  return geometry && form.detail == Detail::base && form.output == Output::word && !form.integer && !form.offset &&
         !form.gather;
}

// The lanes of `mask` that hold this handle, if the texture is sampled as it seems.
LaneMask sample_plainly(Warp& warp, const Instruction& instruction, const Form& form, const Texture& texture,
                        LaneMask mask) {
  const unsigned dimensions = coordinates_of(form.geometry);
  if (dimensions == 1 && texture.sampler.address[1] == AddressMode::border) return 0;
  const unsigned handle_operand = form.results + 1u;
  const uint64_t* const handles = warp.row<uint64_t>(instruction.at(handle_operand));
  const uint64_t handle = handles[std::countr_zero(mask)];
  LaneMask same = 0;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1)
    if (handles[std::countr_zero(rest)] == handle) same |= rest & -rest;
  const float* at[3] = {};
  for (unsigned i = 0; i < dimensions; ++i) at[i] = warp.row<float>(instruction.at(handle_operand + 1 + i));
  uint32_t* out[4];
  for (unsigned i = 0; i < 4; ++i) out[i] = warp.row<uint32_t>(instruction.at(i));
  sample_row(texture, at, dimensions, same, out);
  return same;
}

void texture(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const auto form = std::bit_cast<Form>(instruction.immediate);
  const unsigned handle_operand = form.results + 1u;
  const uint64_t* handles = warp.row<uint64_t>(instruction.at(handle_operand));
  const Texture* texture = nullptr;
  uint64_t found = 0;
  const bool plain = is_plain(form);
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    if (texture == nullptr || handles[lane] != found) {
      texture = find_texture(warp, instruction, lane, handles[lane], false);
      if (texture == nullptr) return;
      found = handles[lane];
      const LaneMask done = plain ? sample_plainly(warp, instruction, form, *texture, rest) : 0;
      if (done != 0) {
        rest = (rest & ~done) | (rest & -rest);
        texture = nullptr;
        continue;
      }
    }
    Sources sources(warp, instruction, handle_operand + 1, lane);
    const Texel texel = form.integer ? fetch_lane(*texture, form, sources) : sample_lane(*texture, form, sources);
    write_result(warp, instruction, form, lane, texel);
  }
  // Everything is resident.
  warp.set_predicate(instruction.at(form.results), kAllLanes, mask);
}

bool take_geometry(Choice& choice, Form& form) {
  const int geometry = choice.take_one(kGeometries);
  form.geometry = static_cast<Geometry>(geometry);
  return geometry >= 0;
}

// Results, `[texture, {coordinates}]`; what may follow is the caller's.
bool declare_access(Choice& choice, const Form& form, Type result) {
  choice.results(result, form.results);
  choice.second_result(Type::pred);
  if (!choice.open()) return false;
  choice.handle();
  choice.coordinates(elements_of(form.geometry));
  return true;
}

// A vector of offsets may come last; a comparison value of a depth texture, a scalar, is not known here.
void declare_offset(Choice& choice, Form& form) {
  form.offset = choice.shape() == Shape::vector;
  if (form.offset) choice.coordinates(coordinates_of(form.geometry));
}

Handler choose_texture(Choice& choice) {
  Form form;
  constexpr const char* kDetails[] = {"base", "level", "grad"};
  const int detail = choice.take_one(kDetails);
  form.detail = detail < 0 ? Detail::base : static_cast<Detail>(detail);
  if (!take_geometry(choice, form)) return nullptr;
  form.results = choice.take("v2") ? 2 : 4;
  if (form.results == 4 && !choice.take("v4")) return nullptr;
  const Type result = choice.take_type();
  const Type coordinate = choice.take_type();
  const bool pairs = result == Type::f16x2;
  if (pairs != (form.results == 2)) return nullptr;
  if (!contains(types(Type::f16x2, Type::f16, Type::f32, Type::u32, Type::s32), result)) return nullptr;
  form.output = pairs ? Output::half_pair : result == Type::f16 ? Output::half : Output::word;
  form.integer = coordinate == Type::s32;
  const bool cube = form.geometry == Geometry::cube || form.geometry == Geometry::cube_array;
  if (form.integer ? cube || form.detail == Detail::gradient : coordinate != Type::f32) return nullptr;
  if (!declare_access(choice, form, result)) return nullptr;
  if (form.detail == Detail::level) choice.source(Type::b32);
  if (form.detail == Detail::gradient) {
    choice.coordinates(coordinates_of(form.geometry));
    choice.coordinates(coordinates_of(form.geometry));
  }
  if (!cube) declare_offset(choice, form);
  choice.set_immediate(std::bit_cast<int64_t>(form));
  return texture;
}

Handler choose_gather(Choice& choice) {
  Form form;
  form.gather = true;
  constexpr const char* kComponents[] = {"r", "g", "b", "a"};
  const int component = choice.take_one(kComponents);
  if (component < 0 || !take_geometry(choice, form) || !choice.take("v4")) return nullptr;
  if (spatial(form.geometry) != 2) return nullptr;
  form.component = static_cast<uint8_t>(component);
  const Type result = choice.take_type();
  if (!contains(types(Type::f32, Type::u32, Type::s32), result) || choice.take_type() != Type::f32) return nullptr;
  if (!declare_access(choice, form, result)) return nullptr;
  if (coordinates_of(form.geometry) == 2) declare_offset(choice, form);
  choice.set_immediate(std::bit_cast<int64_t>(form));
  return texture;
}

constexpr OpcodeRow kRows[] = {
    {"tex", kAnyType, choose_texture, "9.7.9.3"},
    {"tld4", kAnyType, choose_gather, "9.7.9.4"},
};

}  // namespace
VGPU_SOFT_ROWS(texture, kRows)
}  // namespace vgpu::soft::portable
