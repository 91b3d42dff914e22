// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/texture_access.h"

#include "softgpu/machine/block.h"
#include "softgpu/machine/memory.h"

namespace vgpu::soft {

const Texture* find_texture(Warp& warp, const Instruction& instruction, unsigned lane, uint64_t handle, bool surface) {
  const Texture* texture = warp.block->find_texture(handle);
  if (texture == nullptr || texture->surface != surface) {
    warp.fault(CUDA_ERROR_ILLEGAL_ADDRESS, instruction, lane, surface ? "no such surface" : "no such texture", handle);
    return nullptr;
  }
  const Image& image = texture->image;
  if (!is_accessible(warp, instruction, image.address, image.bytes, surface)) {
    warp.fault(CUDA_ERROR_ILLEGAL_ADDRESS, instruction, lane, "the memory of a texture or surface is gone", handle);
    return nullptr;
  }
  return texture;
}

}  // namespace vgpu::soft
