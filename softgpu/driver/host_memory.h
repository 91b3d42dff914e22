// SPDX-License-Identifier: Apache-2.0
// Page-locked host memory as this device means it: page-aligned memory of the process that kernels may touch. For
// cuMemHostAlloc and its relatives, and for the end of a context. Any thread.
#pragma once

#include <cstdint>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/cuda_api.h"

namespace vgpu::soft {

// Maps memory for the region (its kind, flags and owner are given) and enters it.
CuResult<Region> allocate_host_memory(AddressSpace& memory, Region region);
// False when no memory of allocate_host_memory begins there.
bool free_host_memory(AddressSpace& memory, uint64_t begin);

}  // namespace vgpu::soft
