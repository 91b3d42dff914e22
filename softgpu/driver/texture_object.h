// SPDX-License-Identifier: Apache-2.0
// Texture and surface objects: CUDA's descriptors, and the machine's texture that was made of them, which lies in the
// device's TextureMap under the object's handle. That handle is what kernels get. Immutable; any thread.
#pragma once

#include <optional>

#include "softgpu/driver/context.h"
#include "softgpu/driver/object.h"
#include "softgpu/machine/texture.h"

namespace vgpu::soft {

class TextureObject final : public Object {
 public:
  using Handle = CUtexObject;
  static constexpr Kind kKind = Kind::texture;
  TextureObject(Context& context, const CUDA_RESOURCE_DESC& resource, const CUDA_TEXTURE_DESC& sampling,
                const CUDA_RESOURCE_VIEW_DESC* view);

  const Ref<Context> context;
  const CUDA_RESOURCE_DESC resource;
  const CUDA_TEXTURE_DESC sampling;
  const std::optional<CUDA_RESOURCE_VIEW_DESC> view;
};

class SurfaceObject final : public Object {
 public:
  using Handle = CUsurfObject;
  static constexpr Kind kKind = Kind::surface;
  SurfaceObject(Context& context, const CUDA_RESOURCE_DESC& resource);

  const Ref<Context> context;
  const CUDA_RESOURCE_DESC resource;
};

// What the descriptors say (texture_description.cpp). INVALID_VALUE, or NOT_SUPPORTED. `view` may be null.
CuResult<Texture> describe_texture(Device& device, const CUDA_RESOURCE_DESC& resource,
                                   const CUDA_TEXTURE_DESC& sampling, const CUDA_RESOURCE_VIEW_DESC* view);
CuResult<Texture> describe_surface(const CUDA_RESOURCE_DESC& resource);

}  // namespace vgpu::soft
