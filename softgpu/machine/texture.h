// SPDX-License-Identifier: Apache-2.0
// Texture: an image and how it is sampled; also a surface, which is an image that kernels write. Made by the driver of
// CUDA's descriptors, kept in the TextureMap, read by the texture and surface instructions. Plain data.
// The rules are those of the CUDA C++ programming guide, "Texture Fetching".
#pragma once

#include <array>
#include <cstdint>

#include "softgpu/machine/image.h"

namespace vgpu::soft {

enum class AddressMode : uint8_t { wrap, clamp, mirror, border };  // in the order of CUaddress_mode

struct Sampler {
  AddressMode address[3] = {AddressMode::clamp, AddressMode::clamp, AddressMode::clamp};
  bool linear = false;         // filter within a level
  bool linear_mipmap = false;  // and between levels, where texels are read as floats
  bool normalised_coordinates = false;
  bool normalised_values = false;  // 8- and 16-bit integers are read as [0, 1] or [-1, 1]
  bool srgb = false;               // of normalised 8-bit texels
  bool seamless = false;           // a cube's faces are filtered across their edges
  float bias = 0, least_level = 0, greatest_level = 0;
  std::array<float, 4> border{};
};

struct Texture {
  Image image;
  Sampler sampler;
  bool surface = false;  // surface instructions may use it, and only they

  bool reads_floats() const { return sampler.normalised_values || is_float(image.component); }
};

}  // namespace vgpu::soft
