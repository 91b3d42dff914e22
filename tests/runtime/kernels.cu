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

// Coordinates are normalised for levels, which other textures are not read by.
__global__ void sample(cudaTextureObject_t texture, runtime_test::Sampling sampling, float third, float* out) {
  const int x = threadIdx.x, y = threadIdx.y, at = y * blockDim.x + x;
  switch (sampling) {
    case runtime_test::Sampling::plain: out[at] = tex2D<float>(texture, x + 0.5f, y + 0.5f); break;
    case runtime_test::Sampling::linear: out[at] = tex1Dfetch<float>(texture, x); break;
    case runtime_test::Sampling::layer:
      out[at] = tex2DLayered<float>(texture, x + 0.5f, y + 0.5f, static_cast<int>(third));
      break;
    case runtime_test::Sampling::level:
      out[at] = tex2DLod<float>(texture, (x + 0.5f) / blockDim.x, (y + 0.5f) / blockDim.y, third);
      break;
  }
}

__global__ void double_surface(cudaSurfaceObject_t surface) {
  const int x = threadIdx.x * sizeof(float), y = threadIdx.y;
  surf2Dwrite(surf2Dread<float>(surface, x, y) * 2, surface, x, y);
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

void launch_sample(cudaTextureObject_t texture, Sampling sampling, float third, float* out, int width, int height) {
  sample<<<1, dim3(width, height)>>>(texture, sampling, third, out);
}

void launch_double_surface(cudaSurfaceObject_t surface, int width, int height) {
  double_surface<<<1, dim3(width, height)>>>(surface);
}

}  // namespace runtime_test
