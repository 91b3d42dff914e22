// SPDX-License-Identifier: Apache-2.0
// What vgpud tells its holder, over a SOCK_SEQPACKET pair: one message a datagram, with at most one file.
#pragma once

#include <cstdint>

namespace vgpu::host::holder {

enum class What : uint32_t {
  connection = 1,  // with a duplicate of QEMU's socket, or without: it is gone in order
  interrupt = 2,   // with the MSI vector's event, or without
  channel = 3,     // with the memory file whose `offset` has the channel's state, or without
  worker = 4,      // with the pidfd of a worker that is about to get guest memory
};

struct Message {
  What what;
  uint32_t reserved;
  uint64_t offset;
};
static_assert(sizeof(Message) == 16);

// Where the holder finds its end of the pair.
constexpr int kSocket = 3;

}  // namespace vgpu::host::holder
