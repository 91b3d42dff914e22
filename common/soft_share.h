// SPDX-License-Identifier: Apache-2.0
// The 64 bytes of the software GPU's CUipcMemHandle, CUipcEventHandle and CUmemPoolPtrExportData. What they name is in
// a memory file, which is found through /proc by the descriptor that a process has of it. A worker may not look there:
// it sends the file beside the bytes, and who receives both writes its own descriptor into them
// (host/worker/hand/share.cpp).
#pragma once

#include <cstdint>

namespace vgpu {

struct SoftShare {
  uint64_t magic;
  uint64_t process;  // random, of the process that exports: it cannot open its own
  uint64_t object;   // random, of this object: to open it twice gives the same address
  uint64_t size;     // bytes
  int32_t device;    // where it was allocated
  int32_t pid;       // the process that has the file
  int32_t file;      // as which descriptor
  uint32_t flags;    // of an event
  uint64_t inode;    // of the file: the descriptor may be another one's by now
  uint64_t pool;     // of a pointer: its pool's file
};
static_assert(sizeof(SoftShare) == 64);

constexpr uint64_t kSoftMemoryMagic = 0x6d656d74666f7367, kSoftEventMagic = 0x65766574666f7367,
                   kSoftPointerMagic = 0x70747274666f7367;

}  // namespace vgpu
