// SPDX-License-Identifier: Apache-2.0
// Texture and surface references (cuTexRef*, cuSurfRef*): what a module's .texref or .surfref stands for, which may be
// changed between launches. Each has a handle, which is both the API's and the kernels'; its texture lies in the
// device's TextureMap as soon as it describes one. Any thread.
#pragma once

#include <functional>
#include <mutex>

#include "softgpu/driver/context.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class TextureReference final : public Object {
 public:
  using Handle = CUtexref;
  static constexpr Kind kKind = Kind::texture_reference;
  explicit TextureReference(Context& context);

  struct State {
    bool bound = false;
    CUDA_RESOURCE_DESC resource{};
    CUDA_TEXTURE_DESC sampling{};
    // Of linear memory; an array brings its own.
    CUarray_format format = CU_AD_FORMAT_FLOAT;
    unsigned channels = 1;
  };
  State state() const;
  // Changes the state, and shows kernels the texture that it describes, or none.
  void change(const std::function<void(State&)>& how);
  Context& context() const { return *context_; }

 private:
  const Ref<Context> context_;
  mutable std::mutex mutex_;  // guards state_
  State state_;
};

class SurfaceReference final : public Object {
 public:
  using Handle = CUsurfref;
  static constexpr Kind kKind = Kind::surface_reference;
  explicit SurfaceReference(Context& context) : Object(Kind::surface_reference), context_(&context) {}

  CUarray array() const;
  // INVALID_VALUE, INVALID_HANDLE: not an array that surfaces may write.
  CUresult set_array(CUarray array);

 private:
  const Ref<Context> context_;
  mutable std::mutex mutex_;  // guards array_
  CUarray array_ = nullptr;
};

}  // namespace vgpu::soft
