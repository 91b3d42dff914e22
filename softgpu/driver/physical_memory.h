// SPDX-License-Identifier: Apache-2.0
// Memory of virtual memory management (cuMemCreate): pages without an address, in a memory file, so that they can be
// mapped at several places and handed to other processes. Lives as long as a handle or a mapping; counts against its
// device. Any thread.
#pragma once

#include <mutex>

#include "common/fd.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class Device;

class PhysicalMemory final : public Object {
 public:
  using Handle = CUmemGenericAllocationHandle;
  static constexpr Kind kKind = Kind::physical_memory;
  static constexpr size_t kGranularity = size_t{2} << 20;

  // Published, with one handle. OUT_OF_MEMORY when the device or the system has no more.
  static CuResult<Ref<PhysicalMemory>> create(Device& device, size_t size, const CUmemAllocationProp& properties);
  // Takes over a file of create() that came from another process.
  static CuResult<Ref<PhysicalMemory>> import(UniqueFd file);
  ~PhysicalMemory() override;

  const CUmemAllocationProp& properties() const { return properties_; }
  size_t size() const { return size_; }
  int file() const { return file_.get(); }

  // Handles (cuMemRelease, cuMemRetainAllocationHandle) and mappings; the last of both ends it. release_handle is
  // false when there is no handle left: the memory is only mapped.
  void add_handle();
  bool release_handle();
  bool has_handle() const;
  void add_mapping();
  void release_mapping();

 private:
  PhysicalMemory(UniqueFd file, size_t size, const CUmemAllocationProp& properties, Device* charged);
  void retire_if_unused(std::unique_lock<std::mutex> lock);

  const UniqueFd file_;
  const size_t size_;
  const CUmemAllocationProp properties_;
  Device* const charged_;     // null for imported memory, which its maker pays for
  mutable std::mutex mutex_;  // guards the counts
  unsigned handles_ = 1, mappings_ = 0;
};

}  // namespace vgpu::soft
