// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/kernels.h"

__device__ int g_factor = 1;
__constant__ int g_table[runtime_test::kTableSize];
__managed__ int g_managed = 5;

__global__ void add(int* out, int a, int b) {
  if (threadIdx.x == 0 && blockIdx.x == 0) *out = a + b;
}

__global__ void scale(int* data, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) data[i] = data[i] * g_factor + g_table[i % runtime_test::kTableSize];
}

__global__ void trap() { __trap(); }

__global__ void wide(int* out) {
  extern __shared__ int room[];
  room[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = room[threadIdx.x];
}

namespace runtime_test {

const void* add_kernel() { return reinterpret_cast<const void*>(add); }
const void* scale_kernel() { return reinterpret_cast<const void*>(scale); }
const void* trap_kernel() { return reinterpret_cast<const void*>(trap); }
const void* wide_kernel() { return reinterpret_cast<const void*>(wide); }
const void* factor_symbol() { return &g_factor; }
const void* table_symbol() { return g_table; }
int* managed_value() { return &g_managed; }

void launch_add(int blocks, int threads, cudaStream_t stream, int* out, int a, int b) {
  add<<<blocks, threads, 0, stream>>>(out, a, b);
}

}  // namespace runtime_test
