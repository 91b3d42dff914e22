// SPDX-License-Identifier: Apache-2.0
// What the program's objects register before main: fat binaries with their kernels and variables, each known by the
// address of its host side. Loading waits for the first use of something in a fat binary, except where it holds managed
// variables, whose host side must point at memory before the program reads it. Threads: any.
#pragma once

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstddef>

namespace vgpu::runtime {

// The kernel behind a host function or behind a handle that the runtime gave out; cudaErrorInvalidDeviceFunction if it
// is neither.
cudaError_t find_kernel(const void* function, CUkernel* kernel) noexcept;
// The address and the size of a device variable on the current device; cudaErrorInvalidSymbol if it is none.
cudaError_t find_variable(const void* symbol, CUdeviceptr* address, size_t* size) noexcept;
// The host function of a CUkernel or CUfunction that came from one; the handle itself for others.
const void* host_function_of(const void* handle) noexcept;
// Once, after the driver was initialised: with CUDA_MODULE_LOADING=EAGER all fat binaries are loaded now, and later
// ones as soon as they are registered. Lazy loading, the default, changes nothing here. A fat binary that cannot be
// loaded is an error of the call that uses it.
void start_loading() noexcept;
// Remembers a handle that the program may pass as a function.
void remember_handle(const void* handle) noexcept;
void forget_handle(const void* handle) noexcept;

}  // namespace vgpu::runtime
