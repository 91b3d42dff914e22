// SPDX-License-Identifier: Apache-2.0
// How many blocks of a kernel a multiprocessor of the advertised device would hold: the arithmetic of NVIDIA's
// occupancy calculator over the device's limits. Used by cuOccupancy*, and by cooperative launches. Pure functions.
#pragma once

#include <cstddef>

#include "softgpu/driver/function.h"

namespace vgpu::soft {

// What occupancy depends on in a kernel. Units: bytes, registers per thread.
struct BlockNeeds {
  int registers = 0;
  size_t static_shared = 0;
  size_t max_dynamic_shared = 0;  // what the function allows
  int max_cluster_size = 0;       // likewise, in blocks; 0 where there are no clusters
};
CuResult<BlockNeeds> block_needs(ContextFunction& function);

// 0 when not even one block fits.
int blocks_per_multiprocessor(const DeviceLimits& limits, const BlockNeeds& needs, int threads, size_t dynamic_shared);

// Most dynamic shared memory per block with which `blocks` blocks fit a multiprocessor, up to what the function allows;
// INVALID_VALUE when they do not fit at all.
CuResult<size_t> dynamic_shared_for(const DeviceLimits& limits, const BlockNeeds& needs, int blocks, int threads);

}  // namespace vgpu::soft
