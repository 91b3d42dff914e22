// SPDX-License-Identifier: Apache-2.0
// A pending link of cuLinkCreate: PTX texts, collected, checked, and put into one image that cuModuleLoadData takes.
// Used by one thread at a time, as CUDA asks of callers; its mutex only keeps misuse from doing harm.
#pragma once

#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "softgpu/driver/code_image.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/jit_options.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class Link final : public Object {
 public:
  using Handle = CUlinkState;
  static constexpr Kind kKind = Kind::link;

  Link(JitOptions options, CodeTarget target) : Object(Kind::link), target_(target), options_(std::move(options)) {}

  // Input of any type that holds PTX. `name` is for messages.
  CUresult add(CUjitInputType type, std::span<const std::byte> data, const char* name);
  // The image lives as long as this.
  CUresult complete(std::span<std::byte>* image);

 private:
  CUresult add_text(std::string text, const char* name);
  CUresult fail(CUresult code, const std::string& message);

  const CodeTarget target_;
  std::mutex mutex_;  // guards everything below
  JitOptions options_;
  std::vector<std::string> texts_;
  bool failed_ = false;
  std::vector<std::byte> image_;
};

}  // namespace vgpu::soft
