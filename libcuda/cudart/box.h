// SPDX-License-Identifier: Apache-2.0
// Copies of rectangles and boxes between the runtime's terms and the driver's. The runtime counts in elements where an
// array takes part, the driver always in bytes. Pure, but for asking the driver what an array's elements are.
#pragma once

#include "libcuda/cudart/driver.h"

namespace vgpu::runtime {

// Where the linear sides of a copy are, by its direction. An array says so itself.
struct CopySides {
  CUmemorytype source;
  CUmemorytype destination;
};

cudaError_t copy_sides(cudaMemcpyKind kind, CopySides* sides) noexcept;
// What is copied into or out of an array lies on the device on that side.
cudaError_t sides_into_array(cudaMemcpyKind kind, CopySides* sides) noexcept;
cudaError_t sides_out_of_array(cudaMemcpyKind kind, CopySides* sides) noexcept;
cudaError_t element_size(CUarray array, size_t* bytes) noexcept;
cudaError_t driver_copy(const cudaMemcpy3DParms& from, CUDA_MEMCPY3D* to) noexcept;
cudaError_t runtime_copy(const CUDA_MEMCPY3D& from, cudaMemcpy3DParms* to) noexcept;
// `count` bytes as a box of one row.
cudaMemcpy3DParms row_copy(void* dst, const void* src, size_t count, cudaMemcpyKind kind) noexcept;

}  // namespace vgpu::runtime
