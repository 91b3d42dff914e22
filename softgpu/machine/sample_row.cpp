// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/sample_row.h"

#include <bit>
#include <cstring>

#include "softgpu/machine/filter.h"

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

// The same for the filter (filter.h).
template <Kind kind>
Components input(const Texture& texture, const std::byte* at) {
  if constexpr (kind == Kind::one_float || kind == Kind::four_floats) {
    const Vector texel = read<kind>(texture, at);
    return {texel[0], texel[1], texel[2], texel[3]};
  } else if constexpr (kind == Kind::four_bytes) {
    const auto part = [&](unsigned i) { return static_cast<double>(std::to_integer<uint8_t>(at[i])); };
    return {part(0) * kWholeByte, part(1) * kWholeByte, part(2) * kWholeByte, part(3) * kWholeByte};
  } else {
    return filter_input(texture, at);
  }
}

template <Kind kind>
Texel output(const Texture& texture, const Components& sum) {
  Vector result;
  if constexpr (kind == Kind::one_float || kind == Kind::four_floats) {
    for (unsigned i = 0; i < 4; ++i) result[i] = rounded_to_float(sum[i] / kWhole);
  } else if constexpr (kind == Kind::four_bytes) {
    for (unsigned i = 0; i < 4; ++i) result[i] = rounded_to_unit(sum[i]);
  } else {
    return filter_output(texture, sum);
  }
  return std::bit_cast<Texel>(result);
}

// Along one axis, for each lane: how far into the image the two taps lie, in bytes, or -1 for the border.
struct AxisTaps {
  int64_t offset[2][kLaneCount];
  uint32_t share[kLaneCount];
};

struct Row {
  const Texture& texture;
  const ImageLevel& level;
  AxisTaps axes[3];

  explicit Row(const Texture& of) : texture(of), level(of.image.levels[0]) {}

  bool linear() const { return texture.sampler.linear; }
  uint64_t stride(unsigned axis) const {
    return axis == 0 ? texture.image.texel_bytes() : axis == 1 ? level.pitch : level.slice;
  }
  void place(unsigned axis, const float* at, LaneMask mask);
  // Tap `number` of a lane, whose bits say which of an axis's two it is; null for the border.
  template <unsigned dimensions>
  const std::byte* tap(unsigned lane, unsigned number) const;
  template <unsigned dimensions>
  auto weights_of(unsigned lane) const {
    uint32_t shares[dimensions];
    for (unsigned axis = 0; axis < dimensions; ++axis) shares[axis] = axes[axis].share[lane];
    return tap_weights(shares);
  }
  template <Kind kind, unsigned dimensions>
  Texel nearest(unsigned lane) const;
  template <Kind kind, unsigned dimensions>
  Texel filtered(unsigned lane) const;
  template <unsigned dimensions>
  bool filtered_float(unsigned lane, uint32_t& out) const;
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
    const Axis found = linear() ? linear_taps(texels) : nearest_tap(texels);
    taps.offset[0][lane] = offset(found.index);
    if (!linear()) continue;
    taps.offset[1][lane] = offset(found.index + 1);
    taps.share[lane] = share_inside(found, mode, size);
  }
}

template <unsigned dimensions>
const std::byte* Row::tap(unsigned lane, unsigned number) const {
  int64_t offset = 0, border = 0;
  for (unsigned axis = 0; axis < dimensions; ++axis) {
    const int64_t along = axes[axis].offset[number >> axis & 1][lane];
    offset += along;
    border |= along;
  }
  if (border < 0) return nullptr;
  // SAFETY: the image's memory was checked as a whole, and the indices lie inside.
  return reinterpret_cast<const std::byte*>(texture.image.address + level.offset + static_cast<uint64_t>(offset));
}

template <Kind kind, unsigned dimensions>
Texel Row::nearest(unsigned lane) const {
  const std::byte* const at = tap<dimensions>(lane, 0);
  return std::bit_cast<Texel>(at == nullptr ? std::bit_cast<Vector>(texture.sampler.border) : read<kind>(texture, at));
}

// What weighs nothing is not looked at, so that what is infinite does not spread.
template <Kind kind, unsigned dimensions>
Texel Row::filtered(unsigned lane) const {
  const auto weights = weights_of<dimensions>(lane);
  Components sum = {};
#pragma GCC unroll 8
  for (unsigned i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    const std::byte* const at = tap<dimensions>(lane, i);
    if (at == nullptr) [[unlikely]]
      add(sum, weights[i], filter_border(texture));
    else add(sum, weights[i], input<kind>(texture, at));
  }
  return output<kind>(texture, sum);
}

// Of one float, whose components are not moved together; away from the border.
template <unsigned dimensions>
bool Row::filtered_float(unsigned lane, uint32_t& out) const {
  const auto weights = weights_of<dimensions>(lane);
  double sum = 0;
#pragma GCC unroll 8
  for (unsigned i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) continue;
    const std::byte* const at = tap<dimensions>(lane, i);
    if (at == nullptr) return false;
    float value = 0;
    std::memcpy(&value, at, sizeof value);
    sum += weights[i] * double{value};
  }
  out = std::bit_cast<uint32_t>(rounded_to_float(sum / kWhole));
  return true;
}

template <Kind kind, unsigned dimensions>
Texel sample_lane(const Row& row, unsigned lane) {
  if (!row.linear()) return row.nearest<kind, dimensions>(lane);
  if constexpr (kind == Kind::one_float) {
    Texel texel = {0, 0, 0, std::bit_cast<uint32_t>(1.0f)};
    if (row.filtered_float<dimensions>(lane, texel[0])) return texel;
  }
  return row.filtered<kind, dimensions>(lane);
}

template <Kind kind, unsigned dimensions>
void sample_lanes(const Row& row, LaneMask mask, uint32_t* const (&out)[4]) {
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    const Texel texel = sample_lane<kind, dimensions>(row, lane);
    for (unsigned i = 0; i < 4; ++i) out[i][lane] = texel[i];
  }
}

template <unsigned dimensions>
void sample_axes(const Texture& texture, const float* const (&at)[3], LaneMask mask, uint32_t* const (&out)[4]) {
  Row row(texture);
  for (unsigned axis = 0; axis < dimensions; ++axis) row.place(axis, at[axis], mask);
  switch (kind_of(texture)) {
    case Kind::one_float: return sample_lanes<Kind::one_float, dimensions>(row, mask, out);
    case Kind::four_floats: return sample_lanes<Kind::four_floats, dimensions>(row, mask, out);
    case Kind::four_bytes: return sample_lanes<Kind::four_bytes, dimensions>(row, mask, out);
    case Kind::other: return sample_lanes<Kind::other, dimensions>(row, mask, out);
  }
}

}  // namespace

void sample_row(const Texture& texture, const float* const (&at)[3], unsigned dimensions, LaneMask mask,
                uint32_t* const (&out)[4]) {
  switch (dimensions) {
    case 1: return sample_axes<1>(texture, at, mask, out);
    case 2: return sample_axes<2>(texture, at, mask, out);
    default: return sample_axes<3>(texture, at, mask, out);
  }
}

}  // namespace vgpu::soft
