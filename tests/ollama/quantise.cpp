// SPDX-License-Identifier: Apache-2.0
#include "tests/ollama/quantise.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tests/ollama/half.h"

namespace vgpu::ollama {
namespace {

using Bytes = std::vector<std::byte>;

constexpr size_t kBlock = 32;
constexpr size_t kSuperBlock = 256;

void append(Bytes& bytes, const void* from, size_t size) {
  const auto* begin = static_cast<const std::byte*>(from);
  bytes.insert(bytes.end(), begin, begin + size);
}

void append_half(Bytes& bytes, float value) {
  const uint16_t half = to_half(value);
  append(bytes, &half, sizeof half);
}

uint8_t clamped(float value, float limit) {
  return static_cast<uint8_t>(std::clamp(std::nearbyint(value), 0.0f, limit));
}

// Scale, then 16 bytes: value j in the low halves, value j+16 in the high ones; a number q stands for (q - 8) * scale.
void append_q4_0(Bytes& bytes, std::span<const float> block) {
  float extreme = 0;
  for (const float value : block) {
    if (std::fabs(value) > std::fabs(extreme)) extreme = value;
  }
  const float scale = extreme / -8;
  const float inverse = scale == 0 ? 0 : 1 / scale;
  append_half(bytes, scale);
  for (size_t j = 0; j < kBlock / 2; ++j) {
    const uint8_t low = clamped(block[j] * inverse + 8, 15);
    const uint8_t high = clamped(block[j + kBlock / 2] * inverse + 8, 15);
    bytes.push_back(static_cast<std::byte>(low | high << 4));
  }
}

// Scale, then 32 signed bytes.
void append_q8_0(Bytes& bytes, std::span<const float> block) {
  float largest = 0;
  for (const float value : block) largest = std::max(largest, std::fabs(value));
  const float scale = largest / 127;
  const float inverse = scale == 0 ? 0 : 1 / scale;
  append_half(bytes, scale);
  for (const float value : block) {
    bytes.push_back(static_cast<std::byte>(static_cast<int8_t>(std::nearbyint(value * inverse))));
  }
}

struct SubBlock {
  float scale = 0, minimum = 0;  // a number q stands for q * scale - minimum
};

SubBlock range_of(std::span<const float> block) {
  const auto [low, high] = std::minmax_element(block.begin(), block.end());
  const float minimum = std::max(0.0f, -*low);
  return {std::max(0.0f, *high + minimum) / 15, minimum};
}

// Eight 6-bit scales and eight 6-bit minimums in twelve bytes: the first four of each in six bits of a byte of their
// own, the low halves of the last four together in four bytes, their upper two bits on top of the first eight bytes.
std::array<uint8_t, 12> pack_scales(const std::array<uint8_t, 8>& scale, const std::array<uint8_t, 8>& minimum) {
  std::array<uint8_t, 12> packed{};
  for (size_t j = 0; j < 4; ++j) {
    packed[j] = static_cast<uint8_t>(scale[j] | (scale[j + 4] >> 4) << 6);
    packed[j + 4] = static_cast<uint8_t>(minimum[j] | (minimum[j + 4] >> 4) << 6);
    packed[j + 8] = static_cast<uint8_t>((scale[j + 4] & 15) | (minimum[j + 4] & 15) << 4);
  }
  return packed;
}

// Two scales, the packed ones, then 128 bytes: of each 64 values the first 32 in the low halves of 32 bytes.
void append_q4_k(Bytes& bytes, std::span<const float> block) {
  std::array<SubBlock, 8> ranges;
  float top_scale = 0, top_minimum = 0;
  for (size_t j = 0; j < 8; ++j) {
    ranges[j] = range_of(block.subspan(j * kBlock, kBlock));
    top_scale = std::max(top_scale, ranges[j].scale);
    top_minimum = std::max(top_minimum, ranges[j].minimum);
  }
  const float scale = top_scale / 63, minimum = top_minimum / 63;
  std::array<uint8_t, 8> scales{}, minimums{};
  std::array<uint8_t, kSuperBlock> numbers{};
  for (size_t j = 0; j < 8; ++j) {
    scales[j] = scale == 0 ? uint8_t{0} : clamped(ranges[j].scale / scale, 63);
    minimums[j] = minimum == 0 ? uint8_t{0} : clamped(ranges[j].minimum / minimum, 63);
    const float step = scale * scales[j];
    for (size_t i = 0; i < kBlock && step != 0; ++i) {
      numbers[j * kBlock + i] = clamped((block[j * kBlock + i] + minimum * minimums[j]) / step, 15);
    }
  }
  append_half(bytes, scale);
  append_half(bytes, minimum);
  const auto packed = pack_scales(scales, minimums);
  append(bytes, packed.data(), packed.size());
  for (size_t begin = 0; begin < kSuperBlock; begin += 2 * kBlock) {
    for (size_t i = begin; i < begin + kBlock; ++i) {
      bytes.push_back(static_cast<std::byte>(numbers[i] | numbers[i + kBlock] << 4));
    }
  }
}

}  // namespace

bool parse_weight_type(std::string_view name, WeightType& type) {
  constexpr std::pair<std::string_view, WeightType> kNames[] = {{"f32", WeightType::f32},
                                                                {"f16", WeightType::f16},
                                                                {"q4_0", WeightType::q4_0},
                                                                {"q8_0", WeightType::q8_0},
                                                                {"q4_k", WeightType::q4_k}};
  for (const auto& [known, value] : kNames) {
    if (known != name) continue;
    type = value;
    return true;
  }
  return false;
}

uint32_t file_type_of(WeightType type) {
  switch (type) {
    case WeightType::f32: return 0;
    case WeightType::f16: return 1;
    case WeightType::q4_0: return 2;
    case WeightType::q8_0: return 7;
    case WeightType::q4_k: return 14;
  }
  return 0;
}

void append_values(Bytes& bytes, std::span<const float> values, WeightType type) {
  switch (type) {
    case WeightType::f32: return append(bytes, values.data(), values.size_bytes());
    case WeightType::f16:
      for (const float value : values) append_half(bytes, value);
      return;
    case WeightType::q4_0:
      for (size_t at = 0; at < values.size(); at += kBlock) append_q4_0(bytes, values.subspan(at, kBlock));
      return;
    case WeightType::q8_0:
      for (size_t at = 0; at < values.size(); at += kBlock) append_q8_0(bytes, values.subspan(at, kBlock));
      return;
    case WeightType::q4_k:
      for (size_t at = 0; at < values.size(); at += kSuperBlock) append_q4_k(bytes, values.subspan(at, kSuperBlock));
      return;
  }
}

}  // namespace vgpu::ollama
