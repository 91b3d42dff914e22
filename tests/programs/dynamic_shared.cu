// SPDX-License-Identifier: Apache-2.0
// Shared memory sized at launch, up to what the device gives on request, and the refusal beyond it.
#include "check.h"

#include <vector>

// Reverses a block's values through dynamic shared memory placed after a static array.
__global__ void reverse(int* values, int n) {
  __shared__ int offset[2];
  extern __shared__ int scratch[];
  if (threadIdx.x < 2) offset[threadIdx.x] = n * threadIdx.x + 1;
  for (int i = threadIdx.x; i < n; i += blockDim.x) scratch[i] = values[i];
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) values[i] = scratch[n - 1 - i] * offset[0] + offset[1];
}

static void run(int bytes) {
  const int n = bytes / 4;
  std::vector<int> host(n);
  for (int i = 0; i < n; ++i) host[i] = i;
  DeviceArray<int> device(n);
  device.set(host.data());
  reverse<<<1, 256, bytes>>>(device.get(), n);
  CHECK_LAUNCH();
  device.read(host.data());
  for (int i = 0; i < n; ++i) EXPECT(host[i] == n - 1 - i + n + 1, "%d bytes: value %d is %d", bytes, i, host[i]);
  std::printf("%d bytes of dynamic shared memory\n", bytes);
}

int main() {
  int by_default = 0, on_request = 0;
  CHECK(cudaDeviceGetAttribute(&by_default, cudaDevAttrMaxSharedMemoryPerBlock, 0));
  CHECK(cudaDeviceGetAttribute(&on_request, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  cudaFuncAttributes attributes;
  CHECK(cudaFuncGetAttributes(&attributes, reverse));
  EXPECT(attributes.sharedSizeBytes >= 8, "static shared memory %zu", attributes.sharedSizeBytes);
  run(400);
  run(by_default - 1024);
  if (on_request > by_default) {
    reverse<<<1, 256, by_default + 1024>>>(nullptr, 0);
    CHECK_ERROR(cudaGetLastError(), cudaErrorInvalidValue);
    CHECK(cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, on_request - 1024));
    run(on_request - 1024);
  }
  CHECK_ERROR(cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, on_request + 1024),
              cudaErrorInvalidValue);
  (void)cudaGetLastError();
  return pass();
}
