// SPDX-License-Identifier: Apache-2.0
// What the texture and surface classes share: geometries, and handles that become textures. Runs on the warp's thread.
#pragma once

#include "softgpu/machine/opcodes.h"
#include "softgpu/machine/texture.h"

namespace vgpu::soft {

// PTX ISA 9.7.9.3: what a coordinate vector means.
enum class Geometry : uint8_t { line, plane, volume, line_array, plane_array, cube, cube_array };
inline constexpr const char* kGeometries[] = {"1d", "2d", "3d", "a1d", "a2d", "cube", "acube"};

constexpr bool has_layer(Geometry geometry) {
  return geometry == Geometry::line_array || geometry == Geometry::plane_array || geometry == Geometry::cube_array;
}
// Coordinates behind the layer: three of a cube's direction.
constexpr unsigned coordinates_of(Geometry geometry) {
  switch (geometry) {
    case Geometry::line:
    case Geometry::line_array: return 1;
    case Geometry::plane:
    case Geometry::plane_array: return 2;
    default: return 3;
  }
}
// Elements of the coordinate vector that mean something.
constexpr unsigned elements_of(Geometry geometry) { return coordinates_of(geometry) + (has_layer(geometry) ? 1u : 0u); }

// The texture, or surface, with this handle, its memory checked; nullptr after a fault. Good until the next one is
// looked up.
const Texture* find_texture(Warp& warp, const Instruction& instruction, unsigned lane, uint64_t handle, bool surface);

}  // namespace vgpu::soft
