// SPDX-License-Identifier: Apache-2.0
// Addresses of the shared memory of a whole cluster (PTX ISA 9.7.9.24, 9.7.9.25; windows.h says where they lie). For
// handlers: light, and nothing inline. On the thread that runs the warp's cluster.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vgpu::soft {

class Warp;

uint32_t blocks_of_cluster(const Warp& warp);

// The shared-memory address under which block `rank` of the cluster has what lies at `address`, an address of the
// warp's own or any other block; one that nobody has if the cluster is smaller.
uint32_t shared_address_of(const Warp& warp, uint32_t rank, uint32_t address);
// The rank of the block that has the address.
uint32_t rank_of_shared(const Warp& warp, uint32_t address);
// `size` bytes at a shared-memory address of any block of the cluster; nullptr where there are none.
std::byte* locate_shared(const Warp& warp, uint64_t address, uint32_t size);

}  // namespace vgpu::soft
