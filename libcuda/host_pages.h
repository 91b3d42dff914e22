// SPDX-License-Identifier: Apache-2.0
// Host pages that both sides map and the driver has registered: what cuMemHostAlloc and cuMemAllocManaged are made of.
#pragma once

#include "libcuda/invoke.h"

namespace vgpu::guest {

// New pages on both sides, known to the driver. `flags` are the allocation's own.
CUresult allocate_pages(const Admitted& admitted, uint64_t bytes, HostKind kind, unsigned flags, uint64_t& address);
// Registers [address, address + bytes), which both sides map already.
CUresult register_pages(const Admitted& admitted, uint64_t address, uint64_t bytes, unsigned flags);
// What is certain about these addresses from now on, when the driver knows them.
void note_pages(const Admitted& admitted, uint64_t address, uint64_t bytes, HostKind kind);
// Gives up the range that begins at `address`, of whichever kind.
CUresult release_pages(const Admitted& admitted, uint64_t address);

}  // namespace vgpu::guest
