// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/texel.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#define VGPU_ISA portable
#include "softgpu/machine/ops/half.h"

namespace vgpu::soft {

namespace {

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
void store(std::byte* at, uint32_t value) {
  const T cut = static_cast<T>(value);
  std::memcpy(at, &cut, sizeof cut);
}

uint32_t read_component(Component component, const std::byte* at) {
  switch (component) {
    case Component::u8: return load<uint8_t>(at);
    case Component::u16: return load<uint16_t>(at);
    case Component::s8: return static_cast<uint32_t>(int32_t{load<int8_t>(at)});
    case Component::s16: return static_cast<uint32_t>(int32_t{load<int16_t>(at)});
    case Component::f16: return std::bit_cast<uint32_t>(portable::half_to_float(load<uint16_t>(at)));
    case Component::u32:
    case Component::s32:
    case Component::f32: return load<uint32_t>(at);
  }
  return 0;
}

// CUDA C++ programming guide, "Texture Object API": [0, 1] for unsigned, [-1, 1] for signed integers.
float normalised(Component component, uint32_t value) {
  const auto number = static_cast<float>(static_cast<int32_t>(value));
  switch (component) {
    case Component::u8: return number / 255.0f;
    case Component::u16: return number / 65535.0f;
    case Component::s8: return std::max(number / 127.0f, -1.0f);
    case Component::s16: return std::max(number / 32767.0f, -1.0f);
    default: return std::bit_cast<float>(value);
  }
}

float out_of_srgb(float value) {
  return value <= 0.04045f ? value / 12.92f : std::pow((value + 0.055f) / 1.055f, 2.4f);
}

}  // namespace

Texel read_raw_texel(const Image& image, const std::byte* at) {
  Texel texel{};
  for (unsigned i = 0; i < image.channels; ++i)
    texel[i] = read_component(image.component, at + i * bytes_of(image.component));
  return texel;
}

Texel read_texel(const Texture& texture, const std::byte* at) {
  const Image& image = texture.image;
  Texel texel = read_raw_texel(image, at);
  if (image.channels < 4) texel[3] = texture.reads_floats() ? std::bit_cast<uint32_t>(1.0f) : 1;
  for (unsigned i = 0; i < image.channels; ++i) {
    if (!texture.sampler.normalised_values) continue;
    float value = normalised(image.component, texel[i]);
    // The fourth component is alpha, which is linear.
    if (texture.sampler.srgb && image.component == Component::u8 && i < 3) value = out_of_srgb(value);
    texel[i] = std::bit_cast<uint32_t>(value);
  }
  return texel;
}

void write_texel(const Image& image, std::byte* at, const Texel& texel) {
  for (unsigned i = 0; i < image.channels; ++i) {
    std::byte* place = at + i * bytes_of(image.component);
    switch (bytes_of(image.component)) {
      case 1: store<uint8_t>(place, texel[i]); break;
      case 2:
        store<uint16_t>(place,
                        image.component == Component::f16 ? half_bits(std::bit_cast<float>(texel[i])) : texel[i]);
        break;
      default: store<uint32_t>(place, texel[i]); break;
    }
  }
}

uint16_t half_bits(float value) { return portable::float_to_half(value); }
float half_value(uint16_t bits) { return portable::half_to_float(bits); }

}  // namespace vgpu::soft
