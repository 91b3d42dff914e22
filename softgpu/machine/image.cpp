// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/image.h"

#include <algorithm>

namespace vgpu::soft {

namespace {

constexpr uint64_t kLevelAlignment = 512;  // what the device advertises as the alignment of textures

}  // namespace

void lay_out(Image& image, uint32_t width, uint32_t height, uint32_t depth, uint32_t level_count) {
  image.level_count = std::min(level_count, Image::kMaxLevels);
  uint64_t next = 0;
  for (uint32_t i = 0; i < image.level_count; ++i) {
    ImageLevel& level = image.levels[i];
    level.offset = next;
    level.width = std::max(width >> i, 1u);
    level.height = std::max(height >> i, 1u);
    level.depth = std::max(depth >> i, 1u);
    level.pitch = uint64_t{level.width} * image.texel_bytes();
    level.slice = level.pitch * level.height;
    next += level.slice * level.depth * image.layers;
    next = (next + kLevelAlignment - 1) / kLevelAlignment * kLevelAlignment;
  }
  image.bytes = next;
}

}  // namespace vgpu::soft
