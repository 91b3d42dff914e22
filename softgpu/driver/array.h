// SPDX-License-Identifier: Apache-2.0
// CUDA arrays and mipmapped arrays: device memory with a shape, which only copies, textures and surfaces reach. The
// layout is the machine's (image.h). Any thread; immutable once made, but for the levels that were asked for.
#pragma once

#include <mutex>
#include <vector>

#include "softgpu/driver/array_format.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class Array final : public Object {
 public:
  using Handle = CUarray;
  static constexpr Kind kKind = Kind::array;

  // Allocates, and publishes. INVALID_VALUE, OUT_OF_MEMORY, NOT_SUPPORTED.
  static CuResult<Ref<Array>> create(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor);
  // One level of a mipmapped array, whose memory it is. Published.
  static Ref<Array> create_level(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, const Image& image,
                                 unsigned level);

  const CUDA_ARRAY3D_DESCRIPTOR& descriptor() const { return descriptor_; }
  const Image& image() const { return image_; }
  Context& context() const { return *context_; }
  bool is_level() const { return is_level_; }
  // SUCCESS, or why its memory is not there.
  CUresult check() const;

 private:
  Array(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, const Image& image, bool is_level);
  const Ref<Context> context_;
  const uint64_t context_id_;
  const CUDA_ARRAY3D_DESCRIPTOR descriptor_;
  const Image image_;
  const bool is_level_;
};

class MipmappedArray final : public Object {
 public:
  using Handle = CUmipmappedArray;
  static constexpr Kind kKind = Kind::mipmapped_array;

  static CuResult<Ref<MipmappedArray>> create(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor,
                                              unsigned levels);
  const CUDA_ARRAY3D_DESCRIPTOR& descriptor() const { return descriptor_; }
  const Image& image() const { return image_; }
  Context& context() const { return *context_; }
  CUresult check() const;
  // The array that is this level, the same one each time. INVALID_VALUE when there is no such level.
  CuResult<Ref<Array>> level(unsigned level);
  // Takes back the handles of levels.
  void retire_levels();

 private:
  MipmappedArray(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, const Image& image);
  const Ref<Context> context_;
  const uint64_t context_id_;
  const CUDA_ARRAY3D_DESCRIPTOR descriptor_;
  const Image image_;
  std::mutex mutex_;  // guards the levels
  std::vector<Ref<Array>> levels_;
};

// A live array of a live context; INVALID_HANDLE, or the context's error.
CuResult<Ref<Array>> find_array(CUarray handle);
CuResult<Ref<MipmappedArray>> find_mipmapped_array(CUmipmappedArray handle);

// What the descriptor asks for, without memory (address 0). `levels` is 1 for arrays.
CuResult<Image> image_of(const Device& device, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned levels);

}  // namespace vgpu::soft
