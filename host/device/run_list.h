// SPDX-License-Identifier: Apache-2.0
// Reads a list of page runs (vgpu/pci.h) out of guest memory, into places of the guest's memory file. Stateless.
#pragma once

#include "host/device/guest_memory.h"
#include "host/device/sessions.h"

namespace vgpu::host {

// The pages of the list at `list`, which must be `bytes` in all; neighbours are merged. Or an errno: EINVAL for a list
// that is malformed or not in guest memory, E2BIG for one that is too long, EOPNOTSUPP for one that lies in several
// files.
int read_run_list(const GuestMemory& memory, GuestAddr list, uint64_t bytes, GuestPages& pages);

}  // namespace vgpu::host
