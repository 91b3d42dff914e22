// SPDX-License-Identifier: Apache-2.0
// Texels between memory and registers. Pure functions; the caller has checked the address.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "softgpu/machine/texture.h"

namespace vgpu::soft {

// Four components as 32-bit registers hold them: floats' bits, or integers extended by their sign. Those that the image
// lacks are 0, the fourth 1.
using Texel = std::array<uint32_t, 4>;

// As `texture` says that its texels are read: raw, or normalised, or out of sRGB.
Texel read_texel(const Texture& texture, const std::byte* at);

// Integers are cut to the component's width, floats rounded to nearest even.
void write_texel(const Image& image, std::byte* at, const Texel& texel);

// The components as the image has them, floats' bits or integers extended by their sign, and nothing for what it lacks.
Texel read_raw_texel(const Image& image, const std::byte* at);

// To nearest even, and back.
uint16_t half_bits(float value);
float half_value(uint16_t bits);

}  // namespace vgpu::soft
