// SPDX-License-Identifier: Apache-2.0
// One datagram over a Unix socket with open files attached (unix(7), SCM_RIGHTS). Stateless; thread-safe as far as
// sockets are.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>

namespace vgpu {

// The most that a datagram of ours may carry; more are left out.
constexpr int kMaxAttachedFiles = 2;

// As sendmsg(2), which is called again when a signal interrupts it; never raises SIGPIPE. The files stay the caller's.
ssize_t send_with_files(int socket, const void* bytes, size_t size, std::span<const int> files, int flags);

}  // namespace vgpu
