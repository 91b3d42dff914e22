// SPDX-License-Identifier: Apache-2.0
// A warp's texels at once are the lanes' texels one by one, whatever the texture.
#include "softgpu/machine/sample_row.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <random>
#include <vector>

#include "common/bits.h"
#include "softgpu/machine/sample.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::soft;

namespace {

constexpr unsigned kLaneCount = 32;
constexpr uint32_t kSide = 5;

// A texture of random texels in memory of its own.
struct Any {
  Texture texture;
  std::vector<uint32_t> texels;
};

template <class T>
T one_of(std::mt19937& random, std::initializer_list<T> choices) {
  return choices.begin()[random() % choices.size()];
}

Any random_texture(std::mt19937& random, unsigned dimensions) {
  Any any;
  Image& image = any.texture.image;
  image.component = one_of(random, {Component::u8, Component::s8, Component::u16, Component::f16, Component::f32,
                                    Component::f32, Component::u32});
  image.channels = one_of<uint8_t>(random, {1, 2, 4, 4});
  image.dimensions = dimensions;
  lay_out(image, kSide, dimensions > 1 ? kSide : 1, dimensions > 2 ? kSide : 1, 1);
  for (uint64_t i = 0; i < image.bytes; i += 4)
    any.texels.push_back(image.component == Component::f32
                             ? std::bit_cast<uint32_t>(static_cast<float>(random() % 1000) - 500)
                             : static_cast<uint32_t>(random()) & 0x7bff7bff);  // no NaN among halves
  image.address = bits_of(any.texels.data());
  Sampler& sampler = any.texture.sampler;
  for (AddressMode& mode : sampler.address)
    mode = one_of(random, {AddressMode::wrap, AddressMode::clamp, AddressMode::mirror, AddressMode::border});
  sampler.linear = random() % 2 != 0;
  sampler.normalised_coordinates = random() % 2 != 0;
  sampler.normalised_values = bytes_of(image.component) < 4 && image.component != Component::f16 && random() % 2 != 0;
  sampler.srgb = random() % 4 == 0;
  sampler.border = {0.25f, 0.5f, 2, 4};
  return any;
}

float random_coordinate(std::mt19937& random, bool normalised) {
  switch (random() % 16) {
    case 0: return std::numeric_limits<float>::quiet_NaN();
    case 1: return -std::numeric_limits<float>::infinity();
    case 2: return 1e30f;
    default: break;
  }
  const float texels = std::uniform_real_distribution<float>(-1.5f * kSide, 2.5f * kSide)(random);
  return normalised ? texels / kSide : texels;
}

}  // namespace

TEST_CASE("a warp samples a texture as its lanes would", "[sample-row]") {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    const unsigned dimensions = 1 + random() % 3;
    const Any any = random_texture(random, dimensions);
    float coordinates[3][kLaneCount] = {};
    for (unsigned axis = 0; axis < dimensions; ++axis)
      for (float& at : coordinates[axis]) at = random_coordinate(random, any.texture.sampler.normalised_coordinates);
    const LaneMask mask = one_of<LaneMask>(random, {kAllLanes, 1u << 31, static_cast<LaneMask>(random()) | 1u});
    constexpr uint32_t kUntouched = 0xdeadbeef;
    uint32_t rows[4][kLaneCount];
    for (auto& row : rows) std::fill(std::begin(row), std::end(row), kUntouched);
    sample_row(any.texture, {coordinates[0], coordinates[1], coordinates[2]}, dimensions, mask,
               {rows[0], rows[1], rows[2], rows[3]});
    for (unsigned lane = 0; lane < kLaneCount; ++lane) {
      SamplePoint point;
      point.dimensions = dimensions;
      for (unsigned axis = 0; axis < dimensions; ++axis) point.at[axis] = coordinates[axis][lane];
      Texel expected = {kUntouched, kUntouched, kUntouched, kUntouched};
      if ((mask >> lane & 1u) != 0) expected = sample(any.texture, point);
      const Texel seen = {rows[0][lane], rows[1][lane], rows[2][lane], rows[3][lane]};
      INFO("round " << round << ", lane " << lane);
      REQUIRE(seen == expected);
    }
  }
}
