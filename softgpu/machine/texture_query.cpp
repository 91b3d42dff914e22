// SPDX-License-Identifier: Apache-2.0
// txq and suq (PTX ISA 9.7.9.5, 9.7.10.4): what a texture or surface is like. Formats and orders have OpenCL's numbers,
// as the PTX ISA says in 5.3.
#include <bit>

#include "softgpu/machine/texture_access.h"

namespace vgpu::soft::portable {
namespace {

enum class Query : uint8_t {
  width,
  height,
  depth,
  channel_data_type,
  channel_order,
  array_size,
  levels,
  samples,
  normalised,
  force_unnormalised,
  filter,
  address_0,
  address_1,
  address_2,
};
constexpr const char* kQueries[] = {"width",
                                    "height",
                                    "depth",
                                    "channel_data_type",
                                    "channel_order",
                                    "array_size",
                                    "num_mipmap_levels",
                                    "num_samples",
                                    "normalized_coords",
                                    "force_unnormalized_coords",
                                    "filter_mode",
                                    "addr_mode_0",
                                    "addr_mode_1",
                                    "addr_mode_2"};
constexpr int kLastOfSurfaces = static_cast<int>(Query::array_size);
constexpr int kLastOfLevels = static_cast<int>(Query::depth);

uint32_t data_type(Component component, bool normalised) {
  switch (component) {
    case Component::s8: return normalised ? 0x10d0 : 0x10d7;
    case Component::s16: return normalised ? 0x10d1 : 0x10d8;
    case Component::u8: return normalised ? 0x10d2 : 0x10da;
    case Component::u16: return normalised ? 0x10d3 : 0x10db;
    case Component::s32: return 0x10d9;
    case Component::u32: return 0x10dc;
    case Component::f16: return 0x10dd;
    case Component::f32: return 0x10de;
  }
  return 0;
}

// R, RG or RGBA.
uint32_t channel_order(unsigned channels) { return channels == 1 ? 0x10b0 : channels == 2 ? 0x10b2 : 0x10b5; }

// Modes in the order of the PTX ISA: wrap, mirror, clamp_ogl, clamp_to_edge, clamp_to_border.
uint32_t address_mode(AddressMode mode) {
  switch (mode) {
    case AddressMode::wrap: return 0;
    case AddressMode::mirror: return 1;
    case AddressMode::clamp: return 3;
    case AddressMode::border: return 4;
  }
  return 0;
}

uint32_t array_size(const Image& image) { return image.cube ? image.layers / 6 : image.layers; }

uint32_t answer(const Texture& texture, Query query, uint32_t level) {
  const Image& image = texture.image;
  const Sampler& sampler = texture.sampler;
  if (level >= image.level_count) return 0;
  const ImageLevel& chosen = image.levels[level];
  switch (query) {
    case Query::width: return chosen.width;
    case Query::height: return image.dimensions > 1 ? chosen.height : 0;
    case Query::depth: return image.dimensions > 2 ? chosen.depth : 0;
    case Query::channel_data_type: return data_type(image.component, sampler.normalised_values);
    case Query::channel_order: return channel_order(image.channels);
    case Query::array_size: return array_size(image);
    case Query::levels: return image.level_count;
    case Query::samples: return 1;
    case Query::normalised: return sampler.normalised_coordinates ? 1 : 0;
    case Query::force_unnormalised: return 0;
    case Query::filter: return sampler.linear ? 1 : 0;
    case Query::address_0: return address_mode(sampler.address[0]);
    case Query::address_1: return address_mode(sampler.address[1]);
    case Query::address_2: return address_mode(sampler.address[2]);
  }
  return 0;
}

// Operands: result, handle, level. The query is in Instruction::aux.
template <bool kSurface>
void query(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const uint64_t* handles = warp.row<uint64_t>(instruction.operand[1]);
  const uint32_t* levels = warp.row<uint32_t>(instruction.operand[2]);
  for (; mask != 0; mask &= mask - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(mask));
    const Texture* texture = find_texture(warp, instruction, lane, handles[lane], kSurface);
    if (texture == nullptr) return;
    warp.row<uint32_t>(instruction.operand[0])[lane] =
        answer(*texture, static_cast<Query>(instruction.aux), levels[lane]);
  }
}

Handler choose_query(Choice& choice, bool surface) {
  const bool level = !surface && choice.take("level");
  const int asked = choice.take_one(kQueries);
  if (asked < 0 || asked > (surface ? kLastOfSurfaces : level ? kLastOfLevels : static_cast<int>(Query::address_2)))
    return nullptr;
  if (choice.take_type() != Type::b32) return nullptr;
  choice.result(Type::b32);
  choice.handle();
  if (level) choice.source(Type::b32);
  else choice.source_value(Type::b32, 0);
  choice.set_aux(static_cast<uint8_t>(asked));
  return surface ? query<true> : query<false>;
}

Handler choose_texture_query(Choice& choice) { return choose_query(choice, false); }
Handler choose_surface_query(Choice& choice) { return choose_query(choice, true); }

constexpr OpcodeRow kRows[] = {
    {"txq", kAnyType, choose_texture_query, "9.7.9.5"},
    {"suq", kAnyType, choose_surface_query, "9.7.10.4"},
};

}  // namespace
VGPU_SOFT_ROWS(texture_query, kRows)
}  // namespace vgpu::soft::portable
