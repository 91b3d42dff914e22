// SPDX-License-Identifier: Apache-2.0
// What the guest knows about a function: fetched from the worker on first need, kept while the handle lives.
#pragma once

#include "libcuda/invoke.h"
#include "vgpu/hand_wire.h"

namespace vgpu::guest {

// Facts of a function or kernel. INVALID_HANDLE when it is neither. Thread-safe.
CUresult function_facts(const Admitted& admitted, CUfunction handle, Function*& out);

// The checks that CUDA makes before it returns from a launch of this shape; there must be a current context.
CUresult check_shape(const Admitted& admitted, const Function& function, const wire::Launch& launch);

// Appends the kernel's parameters, packed by its own layout, from either of CUDA's two forms (`extra` wins when it is
// given). `bytes` is what packed_size said.
CUresult pack_parameters(const Function& function, void** kernel_params, void** extra, uint32_t bytes,
                         codec::Writer& writer);
// The size of the packed parameters, or an error for a malformed `extra`.
CUresult packed_size(const Function& function, void** kernel_params, void** extra, uint32_t& bytes);

}  // namespace vgpu::guest
