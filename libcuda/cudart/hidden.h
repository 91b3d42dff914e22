// SPDX-License-Identifier: Apache-2.0
// The entry points that nvcc's host code calls and that the toolkit's public headers do not declare, or declare for
// nvcc only. Declared as the code that nvcc writes uses them.
#pragma once

#include <cuda_runtime_api.h>

#define VGPU_HIDDEN_ENTRY extern "C" __attribute__((visibility("default")))

VGPU_HIDDEN_ENTRY void** __cudaRegisterFatBinary(void* wrapper);
VGPU_HIDDEN_ENTRY void __cudaRegisterFatBinaryEnd(void** handle);
VGPU_HIDDEN_ENTRY void __cudaUnregisterFatBinary(void** handle);
VGPU_HIDDEN_ENTRY void __cudaRegisterFunction(void** handle, const char* host, char* device, const char* name,
                                              int thread_limit, uint3* thread, uint3* block, dim3* block_size,
                                              dim3* grid_size, int* warp_size);
VGPU_HIDDEN_ENTRY void __cudaRegisterVar(void** handle, char* host, char* device, const char* name, int external,
                                         size_t size, int constant, int global);
VGPU_HIDDEN_ENTRY void __cudaRegisterManagedVar(void** handle, void** host, char* device, const char* name,
                                                int external, size_t size, int constant, int global);
VGPU_HIDDEN_ENTRY cudaError_t __cudaRegisterHostVar(void** handle, const char* name, char* host, size_t size);
VGPU_HIDDEN_ENTRY cudaError_t __cudaRegisterUnifiedTable(void** handle, void* table);
VGPU_HIDDEN_ENTRY char __cudaInitModule(void** handle);
VGPU_HIDDEN_ENTRY unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared_bytes,
                                                       struct CUstream_st* stream);
VGPU_HIDDEN_ENTRY cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared_bytes, void* stream);
VGPU_HIDDEN_ENTRY cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function);
VGPU_HIDDEN_ENTRY cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                                                 size_t shared_bytes, cudaStream_t stream);
VGPU_HIDDEN_ENTRY cudaError_t __cudaLaunchKernel_ptsz(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                                                      size_t shared_bytes, cudaStream_t stream);
VGPU_HIDDEN_ENTRY cudaError_t __cudaGetProcAddress(const char* name, void** address);
