// SPDX-License-Identifier: Apache-2.0
// Owner: whose programs may see and open each other's things: those of the daemon's VM, or of one user of this machine
// on the daemon's socket.
#pragma once

#include <sys/types.h>

#include <compare>

namespace vgpu::host {

struct Owner {
  bool in_vm = false;
  uid_t user = 0;  // as the kernel told it; says nothing when in_vm

  auto operator<=>(const Owner&) const = default;
};

}  // namespace vgpu::host
