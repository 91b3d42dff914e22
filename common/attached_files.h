// SPDX-License-Identifier: Apache-2.0
// One datagram over a Unix socket with open files attached (unix(7), SCM_RIGHTS). Stateless; thread-safe as far as
// sockets are.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

#include "common/fd.h"

namespace vgpu {

// The most that a datagram of ours may carry; more are left out, and closed where they arrive.
constexpr int kMaxAttachedFiles = 2;

// As sendmsg(2), which is called again when a signal interrupts it; never raises SIGPIPE. The files stay the caller's.
ssize_t send_with_files(int socket, const void* bytes, size_t size, std::span<const int> files, int flags);

struct Arrival {
  ssize_t size = -1;     // as recvmsg(2); errno says why there is nothing
  int file_count = 0;    // at the front of `files`, close-on-exec
  bool is_whole = true;  // neither bytes nor files were too many
};

// As recvmsg(2), which is called again when a signal interrupts it.
Arrival receive_with_files(int socket, void* bytes, size_t size, std::span<UniqueFd, kMaxAttachedFiles> files,
                           int flags);

}  // namespace vgpu
