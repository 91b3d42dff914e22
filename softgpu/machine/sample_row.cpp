// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/sample_row.h"

#include <bit>
#include <cstring>

#include "softgpu/machine/taps.h"
#include "softgpu/machine/texel.h"

namespace vgpu::soft {

namespace {

constexpr unsigned kLaneCount = 32;

// Four components. Moved as they are, whatever their bits mean.
using Vector [[gnu::vector_size(16)]] = float;

// The texels that are read often enough to be read in a way of their own.
enum class Kind { other, one_float, four_floats, four_bytes };

Kind kind_of(const Texture& texture) {
  const Image& image = texture.image;
  const Sampler& sampler = texture.sampler;
  if (image.component == Component::f32 && image.channels == 1) return Kind::one_float;
  if (image.component == Component::f32 && image.channels == 4) return Kind::four_floats;
  const bool bytes = image.component == Component::u8 && image.channels == 4;
  return bytes && sampler.normalised_values && !sampler.srgb ? Kind::four_bytes : Kind::other;
}

template <Kind kind>
Vector read(const Texture& texture, const std::byte* at) {
  if constexpr (kind == Kind::one_float) {
    Vector texel = {0, 0, 0, 1};
    std::memcpy(&texel, at, sizeof(float));
    return texel;
  } else if constexpr (kind == Kind::four_floats) {
    Vector texel;
    std::memcpy(&texel, at, sizeof texel);
    return texel;
  } else if constexpr (kind == Kind::four_bytes) {
    const auto part = [&](unsigned i) { return static_cast<float>(std::to_integer<uint8_t>(at[i])); };
    return Vector{part(0), part(1), part(2), part(3)} / 255.0f;
  } else {
    return std::bit_cast<Vector>(read_texel(texture, at));
  }
}

// Along one axis, for each lane: how far into the image the two taps lie, in bytes, or -1 for the border.
struct AxisTaps {
  int64_t low[kLaneCount], high[kLaneCount];
  float weight[kLaneCount];
};

struct Row {
  const Texture& texture;
  const ImageLevel& level;
  const bool linear;
  AxisTaps axes[3];

  explicit Row(const Texture& of)
      : texture(of), level(of.image.levels[0]), linear(of.sampler.linear && of.reads_floats()) {}

  uint64_t stride(unsigned axis) const {
    return axis == 0 ? texture.image.texel_bytes() : axis == 1 ? level.pitch : level.slice;
  }
  void place(unsigned axis, const float* at, LaneMask mask);
  template <Kind kind>
  Vector tap(int64_t x, int64_t y, int64_t z) const;
  template <Kind kind>
  Vector along_x(unsigned lane, int64_t y, int64_t z) const;
  template <Kind kind>
  Vector along_y(unsigned lane, unsigned dimensions, int64_t z) const;
  template <Kind kind>
  Vector blend(unsigned lane, unsigned dimensions) const;
};

void Row::place(unsigned axis, const float* at, LaneMask mask) {
  AxisTaps& taps = axes[axis];
  const AddressMode mode = mode_of(texture.sampler, axis);
  const bool normalised = texture.sampler.normalised_coordinates;
  const uint32_t size = size_of(level, axis);
  const auto bytes = static_cast<int64_t>(stride(axis));
  const auto offset = [&](int64_t index) {
    const int64_t inside = addressed(mode, index, size);
    return inside < 0 ? inside : inside * bytes;
  };
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const double texels = in_texels(normalised, at[lane], size);
    const Axis found = linear ? linear_taps(texels) : nearest_tap(texels);
    taps.low[lane] = offset(found.index);
    taps.weight[lane] = found.weight;
    if (linear) taps.high[lane] = offset(found.index + 1);
  }
}

template <Kind kind>
Vector Row::tap(int64_t x, int64_t y, int64_t z) const {
  if ((x | y | z) < 0) return std::bit_cast<Vector>(texture.sampler.border);
  const uint64_t offset = static_cast<uint64_t>(x) + static_cast<uint64_t>(y) + static_cast<uint64_t>(z);
  // SAFETY: the image's memory was checked as a whole, and the indices lie inside.
  return read<kind>(texture, reinterpret_cast<const std::byte*>(texture.image.address + level.offset + offset));
}

// What weighs nothing is not looked at, so that what is infinite does not spread.
template <Kind kind>
Vector Row::along_x(unsigned lane, int64_t y, int64_t z) const {
  const Vector low = tap<kind>(axes[0].low[lane], y, z);
  const float weight = axes[0].weight[lane];
  return weight == 0 ? low : low + weight * (tap<kind>(axes[0].high[lane], y, z) - low);
}

template <Kind kind>
Vector Row::along_y(unsigned lane, unsigned dimensions, int64_t z) const {
  if (dimensions < 2) return along_x<kind>(lane, 0, z);
  const Vector low = along_x<kind>(lane, axes[1].low[lane], z);
  const float weight = axes[1].weight[lane];
  return weight == 0 ? low : low + weight * (along_x<kind>(lane, axes[1].high[lane], z) - low);
}

template <Kind kind>
Vector Row::blend(unsigned lane, unsigned dimensions) const {
  if (dimensions < 3) return along_y<kind>(lane, dimensions, 0);
  const Vector low = along_y<kind>(lane, dimensions, axes[2].low[lane]);
  const float weight = axes[2].weight[lane];
  return weight == 0 ? low : low + weight * (along_y<kind>(lane, dimensions, axes[2].high[lane]) - low);
}

template <Kind kind>
void sample_lanes(const Row& row, unsigned dimensions, LaneMask mask, uint32_t* const (&out)[4]) {
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const Texel texel = std::bit_cast<Texel>(row.blend<kind>(lane, dimensions));
    for (unsigned i = 0; i < 4; ++i) out[i][lane] = texel[i];
  }
}

}  // namespace

void sample_row(const Texture& texture, const float* const (&at)[3], unsigned dimensions, LaneMask mask,
                uint32_t* const (&out)[4]) {
  Row row(texture);
  for (unsigned axis = 0; axis < dimensions; ++axis) row.place(axis, at[axis], mask);
  switch (kind_of(texture)) {
    case Kind::one_float: return sample_lanes<Kind::one_float>(row, dimensions, mask, out);
    case Kind::four_floats: return sample_lanes<Kind::four_floats>(row, dimensions, mask, out);
    case Kind::four_bytes: return sample_lanes<Kind::four_bytes>(row, dimensions, mask, out);
    case Kind::other: return sample_lanes<Kind::other>(row, dimensions, mask, out);
  }
}

}  // namespace vgpu::soft
