// SPDX-License-Identifier: Apache-2.0
// Where a module's variables live: device memory of a context that cuMemFree refuses, visible to kernels, which may
// write even constants by their address, counted against the device's memory. The module loader makes one per module
// and keeps it as long as the Program. Any thread.
#pragma once

#include "softgpu/driver/context.h"
#include "softgpu/machine/program.h"

namespace vgpu::soft {

class ModuleStorage final : public Storage {
 public:
  explicit ModuleStorage(Context& context) : context_(context) {}
  Result<uint64_t, CUresult> allocate(size_t size, size_t alignment, Kind kind) override;
  void release(uint64_t address) override;
  Result<uint64_t, CUresult> make_reference(bool surface) override;
  void release_reference(uint64_t handle, bool surface) override;

 private:
  Context& context_;
};

}  // namespace vgpu::soft
