// SPDX-License-Identifier: Apache-2.0
// The faces of a cube and where directions meet them (CUDA C++ programming guide, "Cubemap Textures"). Pure functions.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace vgpu::soft {

using Direction = std::array<float, 3>;

// A direction in a face's own axes: the face is where m is 1, and spans [-1, 1] in s and t.
struct FacePoint {
  float s = 0, t = 0, m = 1;
};

// 0 to 5: +x, -x, +y, -y, +z, -z.
inline uint32_t face_of(const Direction& d) {
  const float x = std::fabs(d[0]), y = std::fabs(d[1]), z = std::fabs(d[2]);
  if (x >= y && x >= z) return d[0] >= 0 ? 0 : 1;
  if (y >= z) return d[1] >= 0 ? 2 : 3;
  return d[2] >= 0 ? 4 : 5;
}

inline FacePoint onto_face(uint32_t face, const Direction& d) {
  switch (face) {
    case 0: return {-d[2], -d[1], d[0]};
    case 1: return {d[2], -d[1], -d[0]};
    case 2: return {d[0], d[2], d[1]};
    case 3: return {d[0], -d[2], -d[1]};
    case 4: return {d[0], -d[1], d[2]};
    default: return {-d[0], -d[1], -d[2]};
  }
}

// The other way, for m = 1.
inline Direction out_of_face(uint32_t face, float s, float t) {
  switch (face) {
    case 0: return {1, -t, -s};
    case 1: return {-1, -t, s};
    case 2: return {s, 1, t};
    case 3: return {s, -1, -t};
    case 4: return {s, -t, 1};
    default: return {-s, -t, -1};
  }
}

}  // namespace vgpu::soft
