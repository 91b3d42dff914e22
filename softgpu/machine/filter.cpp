// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/filter.h"

#include <algorithm>

namespace vgpu::soft {

namespace {

constexpr double kWholeSigned = 32767, kWholeSignedByte = 127;

// In which units a format is filtered, and what is made of the sum.
enum class Form { single, half, unit_byte, unit_16, signed_unit_byte, signed_unit_16, small_integer, integer };

Form form_of(const Texture& texture) {
  const bool unit = texture.sampler.normalised_values;
  switch (texture.image.component) {
    case Component::f32: return Form::single;
    case Component::f16: return Form::half;
    case Component::u8:
      if (texture.sampler.srgb && unit) return Form::single;
      return unit ? Form::unit_byte : Form::small_integer;
    case Component::u16: return unit ? Form::unit_16 : Form::small_integer;
    case Component::s8: return unit ? Form::signed_unit_byte : Form::small_integer;
    case Component::s16: return unit ? Form::signed_unit_16 : Form::small_integer;
    case Component::u32:
    case Component::s32: return Form::integer;
  }
  return Form::single;
}

// What 1 is in these units.
double one(Form form) {
  switch (form) {
    case Form::unit_byte:
    case Form::unit_16: return kWhole16;
    case Form::signed_unit_byte: return kWholeSignedByte;
    case Form::signed_unit_16: return kWholeSigned;
    default: return 1;
  }
}

double as_integer(Component component, uint32_t bits) {
  const bool has_sign = component == Component::s8 || component == Component::s16 || component == Component::s32;
  return has_sign ? static_cast<double>(static_cast<int32_t>(bits)) : static_cast<double>(bits);
}

double nearest(double value) { return std::floor(value + 0.5); }

uint32_t float_bits(float value) { return std::bit_cast<uint32_t>(value); }

uint32_t signed_unit(double units) { return float_bits(std::max(static_cast<float>(units / kWholeSigned), -1.0f)); }

uint32_t integer_bits(double value) { return static_cast<uint32_t>(static_cast<int64_t>(value)); }

// To the nearest half, away from zero where two are as near.
float rounded_to_half(double value) {
  constexpr uint32_t kLost = 0x1fff, kMiddle = 0x1000;  // of a float's fraction
  const uint32_t bits = float_bits(rounded_to_float(value));
  return half_value(half_bits(std::bit_cast<float>((bits & kLost) == kMiddle ? bits + 1 : bits)));
}

uint32_t output(Form form, double sum) {
  const double mean = sum / kWhole;
  switch (form) {
    case Form::single: return float_bits(rounded_to_float(mean));
    case Form::half: return float_bits(rounded_to_half(mean));
    case Form::unit_byte:
    case Form::unit_16: return float_bits(rounded_to_unit(sum));
    case Form::signed_unit_byte: return signed_unit(nearest(mean * kWholeSigned / kWholeSignedByte));
    case Form::signed_unit_16: return signed_unit(nearest(mean));
    case Form::small_integer: return integer_bits(nearest(mean));
    case Form::integer: return integer_bits(std::floor(mean));
  }
  return 0;
}

}  // namespace

Components filter_input(const Texture& texture, const std::byte* at) {
  const Form form = form_of(texture);
  const Image& image = texture.image;
  Components input = {0, 0, 0, one(form)};
  const bool floats = form == Form::single || form == Form::half;
  const Texel texel = floats ? read_texel(texture, at) : read_raw_texel(image, at);
  for (unsigned i = 0; i < image.channels; ++i) {
    if (floats) input[i] = double{std::bit_cast<float>(texel[i])};
    else input[i] = as_integer(image.component, texel[i]) * (form == Form::unit_byte ? kWholeByte : 1);
  }
  return input;
}

Components filter_border(const Texture& texture) {
  const Form form = form_of(texture);
  Components input = {};
  for (unsigned i = 0; i < 4; ++i) {
    const float border = texture.sampler.border[i];
    switch (form) {
      case Form::single:
      case Form::half: input[i] = double{border}; break;
      case Form::unit_byte:
      case Form::unit_16: input[i] = nearest(std::clamp(border, 0.0f, 1.0f) * one(form)); break;
      case Form::signed_unit_byte:
      case Form::signed_unit_16: input[i] = nearest(std::clamp(border, -1.0f, 1.0f) * one(form)); break;
      case Form::small_integer:
      case Form::integer: input[i] = as_integer(texture.image.component, float_bits(border)); break;
    }
  }
  return input;
}

Texel filter_output(const Texture& texture, const Components& sum) {
  const Form form = form_of(texture);
  Texel texel;
  for (unsigned i = 0; i < 4; ++i) texel[i] = output(form, sum[i]);
  return texel;
}

}  // namespace vgpu::soft
