// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/sample.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "softgpu/machine/filter.h"

namespace vgpu::soft {

namespace {

// One level of one layer or face, and the taps in it.
struct Plane {
  const Texture& texture;
  const ImageLevel& level;
  uint32_t layer = 0;
  unsigned dimensions = 1;
  bool cube = false;
  Axis axes[3];
};

Texel border_texel(const Sampler& sampler) {
  Texel texel;
  for (unsigned i = 0; i < 4; ++i) texel[i] = std::bit_cast<uint32_t>(sampler.border[i]);
  return texel;
}

const std::byte* texel_address(const Plane& plane, int64_t x, int64_t y, int64_t z) {
  const Image& image = plane.texture.image;
  const ImageLevel& level = plane.level;
  // Layers have no depth, so that a slice is the one or the other.
  const uint64_t slice = plane.layer + static_cast<uint64_t>(z);
  const uint64_t offset = level.offset + slice * level.slice + static_cast<uint64_t>(y) * level.pitch +
                          static_cast<uint64_t>(x) * image.texel_bytes();
  // SAFETY: the image's memory was checked as a whole, and the indices lie inside.
  return reinterpret_cast<const std::byte*>(image.address + offset);
}

// A tap over the edge of a face lies on its neighbour.
const std::byte* seamless_tap(Plane plane, int64_t x, int64_t y) {
  const auto width = static_cast<float>(plane.level.width);
  const float s = 2 * (static_cast<float>(x) + 0.5f) / width - 1;
  const float t = 2 * (static_cast<float>(y) + 0.5f) / width - 1;
  const uint32_t face = plane.layer % 6;
  const Direction direction = out_of_face(face, s, t);
  const uint32_t neighbour = face_of(direction);
  const FacePoint point = onto_face(neighbour, direction);
  plane.layer = plane.layer - face + neighbour;
  const int64_t size = plane.level.width;
  const auto index = [&](float along) {
    return std::clamp(static_cast<int64_t>(std::floor((along / point.m + 1) / 2 * width)), int64_t{0}, size - 1);
  };
  return texel_address(plane, index(point.s), index(point.t), 0);
}

AddressMode mode_in(const Plane& plane, unsigned axis) {
  return plane.cube ? AddressMode::clamp : mode_of(plane.texture.sampler, axis);
}

// Null for the border.
const std::byte* tap(const Plane& plane, const int64_t (&index)[3]) {
  const Sampler& sampler = plane.texture.sampler;
  const ImageLevel& level = plane.level;
  if (plane.cube && plane.texture.image.cube && sampler.seamless &&
      (index[0] < 0 || index[0] >= level.width || index[1] < 0 || index[1] >= level.height)) {
    return seamless_tap(plane, index[0], index[1]);
  }
  int64_t at[3] = {0, 0, 0};
  for (unsigned axis = 0; axis < plane.dimensions; ++axis) {
    at[axis] = addressed(mode_in(plane, axis), index[axis], size_of(level, axis));
    if (at[axis] < 0) return nullptr;
  }
  return texel_address(plane, at[0], at[1], at[2]);
}

Texel read_tap(const Plane& plane, const int64_t (&index)[3]) {
  const std::byte* const at = tap(plane, index);
  return at == nullptr ? border_texel(plane.texture.sampler) : read_texel(plane.texture, at);
}

// low + weight * (high - low), which keeps what is equal as it is.
Texel mix(const Texel& low, const Texel& high, float weight) {
  Texel mixed;
  for (unsigned i = 0; i < 4; ++i) {
    const float a = std::bit_cast<float>(low[i]), b = std::bit_cast<float>(high[i]);
    mixed[i] = std::bit_cast<uint32_t>(a + weight * (b - a));
  }
  return mixed;
}

// What weighs nothing is not looked at, so that what is infinite does not spread.
template <unsigned dimensions>
Texel filter(const Plane& plane) {
  const bool seamless = plane.cube && plane.texture.sampler.seamless;
  uint32_t shares[dimensions];
  for (unsigned axis = 0; axis < dimensions; ++axis)
    shares[axis] = seamless ? plane.axes[axis].share
                            : share_inside(plane.axes[axis], mode_in(plane, axis), size_of(plane.level, axis));
  const auto weights = tap_weights(shares);
  Components sum = {};
  for (unsigned i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    int64_t index[3];
    for (unsigned axis = 0; axis < 3; ++axis) index[axis] = plane.axes[axis].index + (i >> axis & 1);
    const std::byte* const at = tap(plane, index);
    add(sum, weights[i], at == nullptr ? filter_border(plane.texture) : filter_input(plane.texture, at));
  }
  return filter_output(plane.texture, sum);
}

// The face that the direction meets, and where.
struct OnCube {
  uint32_t layer = 0;
  std::array<float, 3> at{};
};

OnCube onto_cube(const Image& image, const SamplePoint& point) {
  const uint32_t face = face_of(point.at);
  const FacePoint on = onto_face(face, point.at);
  const uint32_t cubes = std::max(image.layers / 6, 1u);
  const uint32_t layer = std::min(point.layer, cubes - 1) * 6 + face;
  return {std::min(layer, image.layers - 1), {(on.s / on.m + 1) / 2, (on.t / on.m + 1) / 2, 0}};
}

Plane plane_of(const Texture& texture, const SamplePoint& point, uint32_t level, bool linear) {
  Plane plane{texture, texture.image.levels[level], 0, point.dimensions, point.cube, {}};
  bool normalised = texture.sampler.normalised_coordinates;
  std::array<float, 3> at = point.at;
  if (point.cube) {
    const OnCube on = onto_cube(texture.image, point);
    plane.layer = on.layer;
    at = on.at;
    normalised = true;
  } else {
    plane.layer = std::min(point.layer, texture.image.layers - 1);
  }
  for (unsigned axis = 0; axis < point.dimensions; ++axis) {
    const double texels = in_texels(normalised, at[axis], size_of(plane.level, axis));
    plane.axes[axis] = linear ? linear_taps(texels) : nearest_tap(texels);
    plane.axes[axis].index += point.offset[axis];
  }
  return plane;
}

Texel sample_plane(const Texture& texture, const SamplePoint& point, uint32_t level) {
  const Plane plane = plane_of(texture, point, level, texture.sampler.linear);
  if (!texture.sampler.linear) return read_tap(plane, {plane.axes[0].index, plane.axes[1].index, plane.axes[2].index});
  switch (point.dimensions) {
    case 1: return filter<1>(plane);
    case 2: return filter<2>(plane);
    default: return filter<3>(plane);
  }
}

float length(const std::array<float, 3>& step, const ImageLevel& level, unsigned dimensions) {
  float sum = 0;
  for (unsigned axis = 0; axis < dimensions; ++axis) {
    const float texels = step[axis] * static_cast<float>(size_of(level, axis));
    sum += texels * texels;
  }
  return std::sqrt(sum);
}

// How the place on the face changes when the direction changes by `step`.
std::array<float, 3> step_on_face(const Direction& direction, const std::array<float, 3>& step) {
  const uint32_t face = face_of(direction);
  const FacePoint at = onto_face(face, direction), change = onto_face(face, step);
  const float scale = 2 * at.m * at.m;
  return {(change.s * at.m - at.s * change.m) / scale, (change.t * at.m - at.t * change.m) / scale, 0};
}

}  // namespace

Texel sample(const Texture& texture, const SamplePoint& point) { return sample_plane(texture, point, 0); }

Texel sample_level(const Texture& texture, const SamplePoint& point, float level) {
  const Sampler& sampler = texture.sampler;
  const auto last = static_cast<float>(texture.image.level_count - 1);
  float detail = std::min(std::max(level + sampler.bias, sampler.least_level), sampler.greatest_level);
  // In this order NaN becomes 0.
  detail = std::min(std::max(0.0f, detail), last);
  if (!sampler.linear_mipmap || !texture.reads_floats()) {
    return sample_plane(texture, point, static_cast<uint32_t>(std::floor(std::min(detail + 0.5f, last))));
  }
  const auto fixed = static_cast<uint32_t>(std::floor(detail * 256 + 0.5f));
  const Texel fine = sample_plane(texture, point, fixed >> 8);
  if ((fixed & 0xff) == 0) return fine;
  return mix(fine, sample_plane(texture, point, (fixed >> 8) + 1), static_cast<float>(fixed & 0xff) / 256);
}

Texel sample_gradient(const Texture& texture, const SamplePoint& point, const std::array<float, 3>& dx,
                      const std::array<float, 3>& dy) {
  const ImageLevel& level = texture.image.levels[0];
  const auto steps = [&](const std::array<float, 3>& step) {
    return length(point.cube ? step_on_face(point.at, step) : step, level, point.dimensions);
  };
  return sample_level(texture, point, std::log2(std::max(steps(dx), steps(dy))));
}

Texel gather(const Texture& texture, const SamplePoint& point, unsigned component) {
  const Plane plane = plane_of(texture, point, 0, true);
  const int64_t x = plane.axes[0].index, y = plane.axes[1].index;
  const int64_t corners[4][3] = {{x, y + 1, 0}, {x + 1, y + 1, 0}, {x + 1, y, 0}, {x, y, 0}};
  Texel result;
  for (unsigned i = 0; i < 4; ++i) result[i] = read_tap(plane, corners[i])[component];
  return result;
}

Texel fetch(const Texture& texture, const std::array<int32_t, 3>& at, uint32_t layer, int32_t level) {
  const auto last = static_cast<int32_t>(texture.image.level_count) - 1;
  const ImageLevel& chosen = texture.image.levels[static_cast<size_t>(std::clamp(level, 0, last))];
  const auto inside = [](int32_t index, uint32_t size) { return static_cast<uint32_t>(index) < size; };
  if (!inside(at[0], chosen.width) || !inside(at[1], chosen.height) || !inside(at[2], chosen.depth)) return {};
  const Plane plane{texture, chosen, std::min(layer, texture.image.layers - 1), 3, false, {}};
  return read_texel(texture, texel_address(plane, at[0], at[1], at[2]));
}

}  // namespace vgpu::soft
