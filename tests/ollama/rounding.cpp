// SPDX-License-Identifier: Apache-2.0
#include "tests/ollama/rounding.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "tests/ollama/half.h"

namespace vgpu::ollama {
namespace {

constexpr size_t kBlock = 32;

// 32 weights: a number q stands for q * scale - minimum.
struct WeightBlock {
  double scale = 0, minimum = 0;
  std::array<double, kBlock> numbers{};
};

// 32 of the vector: a number a stands for a * scale. `sum` is what a minimum is multiplied with.
struct VectorBlock {
  double scale = 1, sum = 0;
  std::array<double, kBlock> numbers{};
};

unsigned byte_at(std::span<const std::byte> bytes, size_t at) { return std::to_integer<unsigned>(bytes[at]); }
double half_at(std::span<const std::byte> bytes, size_t at) {
  return double{from_half(static_cast<uint16_t>(byte_at(bytes, at) | byte_at(bytes, at + 1) << 8))};
}

WeightBlock decode_q4_0(std::span<const std::byte> bytes) {
  WeightBlock block{half_at(bytes, 0), 8 * half_at(bytes, 0), {}};
  for (size_t i = 0; i < kBlock / 2; ++i) {
    block.numbers[i] = byte_at(bytes, 2 + i) & 15;
    block.numbers[i + kBlock / 2] = byte_at(bytes, 2 + i) >> 4;
  }
  return block;
}

WeightBlock decode_q8_0(std::span<const std::byte> bytes) {
  WeightBlock block{half_at(bytes, 0), 0, {}};
  for (size_t i = 0; i < kBlock; ++i) block.numbers[i] = static_cast<int8_t>(byte_at(bytes, 2 + i));
  return block;
}

// Block `part` of the eight in a super-block of 144 bytes (see pack_scales() in quantise.cpp).
WeightBlock decode_q4_k(std::span<const std::byte> bytes, size_t part) {
  const auto packed = [&](size_t i) { return byte_at(bytes, 4 + i); };
  const bool late = part >= 4;
  const unsigned scale = late ? (packed(part + 4) & 15) | packed(part - 4) >> 6 << 4 : packed(part) & 63;
  const unsigned minimum = late ? packed(part + 4) >> 4 | packed(part) >> 6 << 4 : packed(part + 4) & 63;
  WeightBlock block{half_at(bytes, 0) * scale, half_at(bytes, 2) * minimum, {}};
  for (size_t i = 0; i < kBlock; ++i) {
    const unsigned two = byte_at(bytes, 16 + part / 2 * kBlock + i);
    block.numbers[i] = part % 2 == 0 ? two & 15 : two >> 4;
  }
  return block;
}

std::vector<WeightBlock> decode(std::span<const std::byte> encoded, WeightType type) {
  std::vector<WeightBlock> blocks;
  const size_t step = type == WeightType::q4_0 ? 18 : type == WeightType::q8_0 ? 34 : 144;
  for (size_t at = 0; at + step <= encoded.size(); at += step) {
    const auto bytes = encoded.subspan(at, step);
    if (type == WeightType::q4_0) blocks.push_back(decode_q4_0(bytes));
    if (type == WeightType::q8_0) blocks.push_back(decode_q8_0(bytes));
    for (size_t part = 0; type == WeightType::q4_k && part < 8; ++part) blocks.push_back(decode_q4_k(bytes, part));
  }
  return blocks;
}

double sum_of(const std::array<double, kBlock>& numbers) {
  double sum = 0;
  for (const double number : numbers) sum += number;
  return sum;
}

VectorBlock as_it_is(std::span<const float> values) {
  VectorBlock block;
  for (size_t i = 0; i < kBlock; ++i) block.numbers[i] = double{values[i]};
  block.sum = sum_of(block.numbers);
  return block;
}

// The widest becomes 127; the scale is kept as a half.
VectorBlock to_8_bits(std::span<const float> values, bool keep_sum) {
  VectorBlock block;
  float widest = 0, sum = 0;
  for (const float value : values) {
    widest = std::max(widest, std::fabs(value));
    sum += value;
  }
  const float scale = widest / 127;
  for (size_t i = 0; i < kBlock && scale != 0; ++i) block.numbers[i] = double{std::round(values[i] / scale)};
  block.scale = double{through_half(scale)};
  block.sum = keep_sum ? double{through_half(sum)} : block.scale * sum_of(block.numbers);
  return block;
}

// 256 at once: the widest becomes -127; the scale stays a float.
void append_8_bits_of_256(std::vector<VectorBlock>& blocks, std::span<const float> values) {
  float widest = 0;
  for (const float value : values) {
    if (std::fabs(value) > std::fabs(widest)) widest = value;
  }
  const float inverse = widest == 0 ? 0 : -127 / widest;
  for (size_t at = 0; at < values.size(); at += kBlock) {
    VectorBlock block;
    for (size_t i = 0; i < kBlock; ++i) {
      block.numbers[i] = double{std::min(127.0f, std::nearbyint(values[at + i] * inverse))};
    }
    block.scale = inverse == 0 ? 0 : double{1 / inverse};
    block.sum = block.scale * sum_of(block.numbers);
    blocks.push_back(block);
  }
}

std::vector<VectorBlock> round(std::span<const float> vector, WeightType type, Rounding rounding) {
  std::vector<VectorBlock> blocks;
  if (type == WeightType::q4_k && rounding == Rounding::cpu) {
    for (size_t at = 0; at < vector.size(); at += 256) append_8_bits_of_256(blocks, vector.subspan(at, 256));
    return blocks;
  }
  for (size_t at = 0; at < vector.size(); at += kBlock) {
    const auto values = vector.subspan(at, kBlock);
    blocks.push_back(rounding == Rounding::none
                         ? as_it_is(values)
                         : to_8_bits(values, rounding == Rounding::cuda && type == WeightType::q4_0));
  }
  return blocks;
}

}  // namespace

std::vector<double> product(std::span<const std::byte> encoded, WeightType type, std::span<const float> vector,
                            Rounding rounding) {
  const std::vector<WeightBlock> weights = decode(encoded, type);
  const std::vector<VectorBlock> rounded = round(vector, type, rounding);
  std::vector<double> result(weights.size() / rounded.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    const WeightBlock& left = weights[i];
    const VectorBlock& right = rounded[i % rounded.size()];
    double dot = 0;
    for (size_t k = 0; k < kBlock; ++k) dot += left.numbers[k] * right.numbers[k];
    result[i / rounded.size()] += left.scale * right.scale * dot - left.minimum * right.sum;
  }
  return result;
}

}  // namespace vgpu::ollama
