// SPDX-License-Identifier: Apache-2.0
// Image: what a CUDA array, or linear memory behind a texture, looks like: texels of one to four components, in levels
// that halve, each of layers or depth slices of rows. The driver describes images, texture and surface instructions
// read them. Plain data; the memory is the driver's and is checked against the MemoryMap by whoever touches it.
#pragma once

#include <array>
#include <cstdint>

namespace vgpu::soft {

// How a component of a texel is stored.
enum class Component : uint8_t { u8, u16, u32, s8, s16, s32, f16, f32 };

constexpr unsigned bytes_of(Component component) {
  switch (component) {
    case Component::u8:
    case Component::s8: return 1;
    case Component::u16:
    case Component::s16:
    case Component::f16: return 2;
    case Component::u32:
    case Component::s32:
    case Component::f32: return 4;
  }
  return 4;
}

constexpr bool is_float(Component component) { return component == Component::f16 || component == Component::f32; }

// Units: bytes, and texels for the sizes.
struct ImageLevel {
  uint64_t offset = 0;  // from the image's address
  uint64_t pitch = 0;   // from a row to the next
  uint64_t slice = 0;   // from a depth slice or layer to the next
  uint32_t width = 1, height = 1, depth = 1;
};

struct Image {
  static constexpr unsigned kMaxLevels = 18;  // of the widest array, 131072

  uint64_t address = 0;
  uint64_t bytes = 0;
  Component component = Component::f32;
  uint8_t channels = 1;     // 1, 2 or 4
  bool cube = false;        // layers are faces, in sixes
  uint32_t layers = 1;      // an image with layers has a depth of 1
  uint32_t dimensions = 1;  // 1 to 3, layers not counted
  uint32_t level_count = 1;
  std::array<ImageLevel, kMaxLevels> levels;

  unsigned texel_bytes() const { return channels * bytes_of(component); }
};

// Places `level_count` levels one after the other, for an image whose other members are set, and sets `bytes`.
void lay_out(Image& image, uint32_t width, uint32_t height, uint32_t depth, uint32_t level_count);

}  // namespace vgpu::soft
