// SPDX-License-Identifier: Apache-2.0
// External memory: a file of cuMemExportToShareableHandle that was imported to be mapped as buffers. What is mapped
// stays when this goes. Any thread.
#pragma once

#include "common/fd.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class ExternalMemory final : public Object {
 public:
  using Handle = CUexternalMemory;
  static constexpr Kind kKind = Kind::external_memory;

  // `size` in bytes, of which the file has as many.
  ExternalMemory(vgpu::UniqueFd file, uint64_t size) : Object(kKind), file_(std::move(file)), size_(size) {}

  const vgpu::UniqueFd& file() const { return file_; }
  uint64_t size() const { return size_; }

 private:
  const vgpu::UniqueFd file_;
  const uint64_t size_;
};

}  // namespace vgpu::soft
