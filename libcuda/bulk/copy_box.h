// SPDX-License-Identifier: Apache-2.0
// CUDA's copy structs as the wire's CopyBox; used by copies and by memcpy nodes of graphs.
#pragma once

#include "libcuda/invoke.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest::bulk {

wire::CopyBox box_of(const CUDA_MEMCPY2D& copy);
wire::CopyBox box_of(const CUDA_MEMCPY3D& copy);
wire::CopyBox box_of(const CUDA_MEMCPY3D_PEER& copy);

// Makes ordinary host memory of a box reachable for the driver, for a copy that runs later and again (a graph's
// memcpy node): its pages become shared in place and stay so.
CUresult make_reachable(const Admitted& admitted, wire::CopyBox& box);

}  // namespace vgpu::guest::bulk
