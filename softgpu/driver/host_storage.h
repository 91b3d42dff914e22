// SPDX-License-Identifier: Apache-2.0
// Variables of code that is loaded only to be looked at: plain memory of the process, unknown to CUDA. Any thread.
#pragma once

#include "softgpu/machine/program.h"

namespace vgpu::soft {

class HostStorage final : public Storage {
 public:
  Result<uint64_t, CUresult> allocate(size_t size, size_t alignment, Kind kind) override;
  void release(uint64_t address) override;
};

}  // namespace vgpu::soft
