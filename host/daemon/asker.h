// SPDX-License-Identifier: Apache-2.0
// Who asks for a report: a program of the daemon's VM, or a user of this machine on the daemon's socket.
#pragma once

#include <sys/types.h>

namespace vgpu::host {

struct Asker {
  bool in_vm = false;
  uid_t user = 0;  // of this machine; says nothing when in_vm

  bool operator==(const Asker&) const = default;
};

}  // namespace vgpu::host
