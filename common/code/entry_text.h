// SPDX-License-Identifier: Apache-2.0
// The payload of a fat binary's entry, decompressed. For the software GPU, which runs it, and the worker, which looks
// for what it calls; apart from common/fatbin.h, because whoever links this needs the decompressors. Pure functions
// over untrusted bytes, safe from any thread.
#pragma once

#include <cuda.h>

#include <string>

#include "common/fatbin.h"
#include "common/result.h"

namespace vgpu::fatbin {

// No PTX is this large: a header that says so is corrupt, and must not make us allocate.
inline constexpr uint64_t kMaxText = uint64_t{1} << 30;

// A PTX entry's text without trailing NULs, a cubin's bytes. CUDA_ERROR_INVALID_IMAGE when it is corrupt,
// CUDA_ERROR_NOT_SUPPORTED for a compression of old nvcc.
Result<std::string, CUresult> entry_text(const Entry& entry);

}  // namespace vgpu::fatbin
