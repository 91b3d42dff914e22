// SPDX-License-Identifier: Apache-2.0
// The 64 bytes by which one process names to another what is in a memory file of its own (common/soft_share.h). Any
// thread.
#pragma once

#include <cstring>

#include "common/fd.h"
#include "common/soft_share.h"
#include "softgpu/driver/cuda_api.h"

namespace vgpu::soft {

// Completes a description whose `file` is a descriptor of this process.
SoftShare as_own(SoftShare share);

// CUDA_SUCCESS, `unknown` for what is no such handle, INVALID_CONTEXT for one of this process, which cannot open its
// own.
CUresult check_foreign(const SoftShare& share, uint64_t magic, CUresult unknown);

// The file, open here. Empty when its process is gone, or what it named.
vgpu::UniqueFd open_file_of(const SoftShare& share);

uint64_t inode_of(int file);

template <class Handle>
void write_share(Handle& out, const SoftShare& share) {
  static_assert(sizeof out == sizeof share);
  const SoftShare own = as_own(share);
  std::memcpy(&out, &own, sizeof own);
}

template <class Handle>
SoftShare read_share(const Handle& handle) {
  SoftShare share = {};
  static_assert(sizeof handle == sizeof share);
  std::memcpy(&share, &handle, sizeof share);
  return share;
}

}  // namespace vgpu::soft
