// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/texture_reference.h"

#include "softgpu/driver/device.h"
#include "softgpu/driver/texture_object.h"
#include "softgpu/machine/texture_map.h"

namespace vgpu::soft {

TextureReference::TextureReference(Context& context) : Object(Kind::texture_reference), context_(&context) {
  // All levels there are.
  state_.sampling.maxMipmapLevelClamp = static_cast<float>(Image::kMaxLevels);
}

TextureReference::State TextureReference::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void TextureReference::change(const std::function<void(State&)>& how) {
  const std::lock_guard lock(mutex_);
  how(state_);
  CUDA_RESOURCE_DESC& resource = state_.resource;
  if (resource.resType == CU_RESOURCE_TYPE_LINEAR) {
    resource.res.linear.format = state_.format;
    resource.res.linear.numChannels = state_.channels;
  }
  TextureMap& textures = context_->device().textures();
  // Between two calls of a set-up it may describe nothing.
  const auto texture = state_.bound ? describe_texture(context_->device(), resource, state_.sampling, nullptr)
                                    : CuResult<Texture>(CUDA_ERROR_INVALID_VALUE);
  if (texture) textures.put(handle_value(), texture.value());
  else textures.remove(handle_value());
}

CUarray SurfaceReference::array() const {
  const std::lock_guard lock(mutex_);
  return array_;
}

CUresult SurfaceReference::set_array(CUarray array) {
  CUDA_RESOURCE_DESC resource{};
  resource.resType = CU_RESOURCE_TYPE_ARRAY;
  resource.res.array.hArray = array;
  const Texture texture = TRY(describe_surface(resource));
  const std::lock_guard lock(mutex_);
  array_ = array;
  context_->device().textures().put(handle_value(), texture);
  return CUDA_SUCCESS;
}

}  // namespace vgpu::soft
