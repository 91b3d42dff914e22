// SPDX-License-Identifier: Apache-2.0
// SharedAddresses: places for memory that is at the same address in this process and in the worker. One thread at a
// time.
#pragma once

#include <cstddef>

#include "common/result.h"
#include "vgpu/wire.h"

namespace vgpu::guest {

class SharedAddresses {
 public:
  // Maps `size` bytes of `file` from `offset` at the next address that both sides keep free for this.
  Result<void*> place(int file, size_t size, uint64_t offset);

 private:
  uint64_t next_ = wire::kSharedBase;
};

}  // namespace vgpu::guest
