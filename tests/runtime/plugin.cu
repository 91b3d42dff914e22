// SPDX-License-Identifier: Apache-2.0
// An object that the runtime's contract tests load and unload while they run.
#include <cuda_runtime_api.h>

__global__ void answer(int* out) { *out = 42; }

extern "C" int plugin_answer() {
  int* out = nullptr;
  int value = 0;
  if (cudaMalloc(&out, sizeof value) != cudaSuccess) return -1;
  answer<<<1, 1>>>(out);
  if (cudaMemcpy(&value, out, sizeof value, cudaMemcpyDeviceToHost) != cudaSuccess) return -2;
  cudaFree(out);
  return value;
}

extern "C" const void* plugin_kernel() { return reinterpret_cast<const void*>(answer); }
