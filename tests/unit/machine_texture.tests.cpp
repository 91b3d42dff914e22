// SPDX-License-Identifier: Apache-2.0
// Textures without a driver: layouts, sampling by the programming guide's rules, the map of handles, and kernels with
// handles that are none.
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "softgpu/machine/sample.h"
#include "softgpu/machine/texture_map.h"
#include "tests/support/soft_machine.h"
#include "tests/support/test.h"

using namespace vgpu::soft;

namespace {

// A texture of floats in the test's own memory.
struct FloatTexture {
  FloatTexture(std::vector<float> values, uint32_t width, uint32_t height = 1, uint32_t depth = 1, uint32_t layers = 1,
               uint32_t levels = 1)
      : texels(std::move(values)) {
    Image& image = texture.image;
    image.layers = layers;
    image.dimensions = depth > 1 ? 3 : height > 1 ? 2 : 1;
    lay_out(image, width, height, depth, levels);
    memory.resize(image.bytes);
    size_t next = 0;
    for (uint32_t i = 0; i < levels; ++i) {
      const ImageLevel& level = image.levels[i];
      const size_t size = level.slice * level.depth * layers;
      std::memcpy(memory.data() + level.offset, texels.data() + next, size);
      next += size / sizeof(float);
    }
    image.address = reinterpret_cast<uint64_t>(memory.data());
  }

  float at(float x, float y = 0.5f) const {
    SamplePoint point;
    point.at = {x, y, 0};
    point.dimensions = texture.image.dimensions;
    return std::bit_cast<float>(sample(texture, point)[0]);
  }
  float at_level(float level) const {
    SamplePoint point;
    point.at = {0.5f, 0.5f, 0};
    return std::bit_cast<float>(sample_level(texture, point, level)[0]);
  }

  std::vector<float> texels;
  std::vector<std::byte> memory;
  Texture texture;
};

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("levels of an image halve and do not overlap", "[unit][texture]") {
  Image image;
  image.channels = 4;
  lay_out(image, 5, 3, 1, 3);
  CHECK(image.levels[1].width == 2);
  CHECK(image.levels[1].height == 1);
  CHECK(image.levels[2].width == 1);
  CHECK(image.levels[1].offset >= 5 * 3 * 16);
  CHECK(image.levels[2].offset >= image.levels[1].offset + 2 * 16);
  CHECK(image.bytes >= image.levels[2].offset + 16);
}

TEST_CASE("coordinates that are no numbers stay inside of the texture", "[unit][texture]") {
  FloatTexture t({1, 2, 3, 4}, 4);
  t.texture.sampler.linear = GENERATE(false, true);
  t.texture.sampler.normalised_coordinates = GENERATE(false, true);
  const AddressMode mode = GENERATE(AddressMode::wrap, AddressMode::clamp, AddressMode::mirror, AddressMode::border);
  t.texture.sampler.address[0] = mode;
  for (const float x : {kNan, kInfinity, -kInfinity, 3e38f, -3e38f}) {
    const float value = t.at(x);
    CHECK(value >= 0);
    CHECK(value <= 4);
  }
}

TEST_CASE("a level of detail that is no number is the first level", "[unit][texture]") {
  FloatTexture t({1, 1, 2}, 2, 1, 1, 1, 2);
  t.texture.sampler.greatest_level = 1;
  t.texture.sampler.linear_mipmap = GENERATE(false, true);
  CHECK(t.at_level(kNan) == 1);
  CHECK(t.at_level(-kInfinity) == 1);
  CHECK(t.at_level(kInfinity) == 2);
}

TEST_CASE("a filter keeps what is equal on both sides", "[unit][texture]") {
  FloatTexture t({0.1f, 0.1f, 0.1f, 0.1f}, 2, 2);
  t.texture.sampler.linear = true;
  CHECK(t.at(0.77f, 1.3f) == 0.1f);
}

TEST_CASE("infinity beside a texel that has the whole share changes nothing", "[unit][texture]") {
  FloatTexture t({1, kInfinity}, 2);
  t.texture.sampler.linear = true;
  CHECK(t.at(0.5f) == 1);
}

TEST_CASE("the border has its own colour", "[unit][texture]") {
  FloatTexture t({1, 2}, 2);
  t.texture.sampler.address[0] = AddressMode::border;
  t.texture.sampler.border = {7, 0, 0, 0};
  CHECK(t.at(-1) == 7);
  t.texture.sampler.linear = true;
  CHECK(t.at(2) == 4.5f);
}

TEST_CASE("a seamless cube is filtered across its edges", "[unit][texture]") {
  FloatTexture t({1, 2, 3, 4, 5, 6}, 1, 1, 1, 6);
  t.texture.image.cube = true;
  t.texture.sampler.linear = true;
  SamplePoint point;
  point.cube = true;
  point.dimensions = 2;
  point.at = {1, 0, -0.999f};  // the edge between +x and -z
  CHECK(std::bit_cast<float>(sample(t.texture, point)[0]) == 1);
  t.texture.sampler.seamless = true;
  CHECK(std::fabs(std::bit_cast<float>(sample(t.texture, point)[0]) - 3.5f) < 0.02f);
}

TEST_CASE("every direction meets a face that leads back to it", "[unit][texture]") {
  for (const Direction& direction :
       {Direction{1, 0.25f, -0.5f}, Direction{-1, 0.25f, 0.5f}, Direction{0.5f, 1, 0.25f}, Direction{0.5f, -1, 0.25f},
        Direction{0.5f, 0.25f, 1}, Direction{-0.5f, 0.25f, -1}}) {
    const uint32_t face = face_of(direction);
    const FacePoint point = onto_face(face, direction);
    CHECK(point.m == 1);
    CHECK(out_of_face(face, point.s, point.t) == direction);
  }
}

TEST_CASE("a handle that was taken back is found no more, whatever was kept", "[unit][texture]") {
  TextureMap map;
  TextureCache cache;
  Texture texture;
  texture.image.layers = 3;
  map.put(10, texture);
  REQUIRE(cache.find(map, 10) != nullptr);
  CHECK(cache.find(map, 10)->image.layers == 3);
  texture.image.layers = 4;
  map.put(10, texture);
  CHECK(cache.find(map, 10)->image.layers == 4);
  map.remove(10);
  CHECK(cache.find(map, 10) == nullptr);
  CHECK(cache.find(map, 0) == nullptr);
}

TEST_CASE("a kernel with a made-up texture handle faults", "[unit][texture]") {
  test::SoftMachine machine;
  REQUIRE(machine.load(R"(
.visible .entry test(.param .u64 texture)
{
  .reg .b64 %t;
  .reg .b32 %r<5>;
  ld.param.u64 %t, [texture];
  mov.u32 %r0, 0;
  tex.1d.v4.u32.s32 {%r1, %r2, %r3, %r4}, [%t, {%r0}];
  ret;
})") == "");
  CHECK(machine.run({}, {}, {12345}) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(machine.message().find("no such texture") != std::string::npos);
}

TEST_CASE("texture instructions with the wrong operands are refused", "[unit][texture]") {
  const char* const wrong = GENERATE(
      "tex.2d.v4.f32.f32 {%f0, %f1, %f2, %f3}, [%t, {%f0}];", "tex.2d.v4.f32.f32 {%f0, %f1, %f2}, [%t, {%f0, %f1}];",
      "tex.1d.v4.f32.f32 {%f0, %f1, %f2, %f3}, [%f0, {%f0}];", "tex.1d.v4.f32.f32 {%f0, %f1, %f2, %f3}, [%t+8, {%f0}];",
      "tex.cube.v4.f32.s32 {%f0, %f1, %f2, %f3}, [%t, {%f0, %f0, %f0, %f0}];",
      "tex.grad.1d.v4.f32.f32 {%f0, %f1, %f2, %f3}, [%t, {%f0}], {%f0};",
      "suld.b.cube.b32.trap {%f0}, [%t, {%f0, %f0, %f0, %f0}];",
      "suld.b.2d.v4.b64.trap {%t, %t, %t, %t}, [%t, {%f0, %f0}];", "sured.b.add.2d.b32.trap [%t, {%f0, %f0}], %f1;");
  test::SoftMachine machine;
  const std::string body =
      std::string(".visible .entry test(.param .u64 x) { .reg .b64 %t; .reg .b32 %f<5>; ") + wrong + " ret; }";
  const std::string log = machine.load(body);
  CHECK((!log.empty() || machine.run({}, {}, {0}) == CUDA_ERROR_INVALID_PTX));
}
