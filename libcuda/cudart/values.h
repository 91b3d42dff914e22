// SPDX-License-Identifier: Apache-2.0
// The calls whose result is no error code, and the two that are about the last error: they do not change it.
#pragma once

#include <cuda_runtime_api.h>

namespace vgpu::runtime::values {

cudaChannelFormatDesc cudaCreateChannelDesc(int x, int y, int z, int w, cudaChannelFormatKind kind) noexcept;
cudaError_t cudaGetLastError() noexcept;
cudaError_t cudaPeekAtLastError() noexcept;
const char* cudaGetErrorName(cudaError_t error) noexcept;
const char* cudaGetErrorString(cudaError_t error) noexcept;

}  // namespace vgpu::runtime::values
