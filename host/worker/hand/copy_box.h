// SPDX-License-Identifier: Apache-2.0
// Between the wire's CopyBox and CUDA's copy structs; used by copies and by memcpy nodes of graphs.
#pragma once

#include "host/worker/hand/calls.h"

namespace vgpu::host::hand {

// Whether the driver knows both ends of the range as device or registered memory. An address it does not know it would
// take for ordinary memory of this process.
bool is_known(const Session& session, uint64_t address, uint64_t bytes);

// Fills `out` from the request's box. CUDA_SUCCESS, or what to answer.
CUresult to_copy3d(Invocation& invocation, const wire::CopyBox& box, CUDA_MEMCPY3D_PEER& out);
CUDA_MEMCPY3D without_peers(const CUDA_MEMCPY3D_PEER& peer);
wire::CopyBox to_box(Invocation& invocation, const CUDA_MEMCPY3D& copy);

}  // namespace vgpu::host::hand
