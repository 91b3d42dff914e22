// SPDX-License-Identifier: Apache-2.0
// The element of an array: the runtime's channel description and the driver's format and count. Pure.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstddef>

namespace vgpu::runtime {

// Bytes of one channel, or 0 for a format whose elements are not whole channels.
size_t format_bytes(CUarray_format format) noexcept;
// False: no array has such elements.
bool find_format(const cudaChannelFormatDesc& channels, CUarray_format* format, unsigned* count) noexcept;
bool find_channels(CUarray_format format, unsigned count, cudaChannelFormatDesc* channels) noexcept;
// Its elements are read as fractions, never as integers.
bool is_normalized(CUarray_format format) noexcept;

}  // namespace vgpu::runtime
