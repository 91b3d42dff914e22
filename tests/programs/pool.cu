// SPDX-License-Identifier: Apache-2.0
// Allocation in stream order: cudaMallocAsync and cudaFreeAsync, reuse across streams through an event, a pool's
// limits.
#include "check.h"

#include <vector>

__global__ void fill(int* values, int n, int value) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) values[i] = value + i;
}

int main() {
  int supported = 0;
  CHECK(cudaDeviceGetAttribute(&supported, cudaDevAttrMemoryPoolsSupported, 0));
  if (!supported) {
    std::printf("the device has no memory pools\n");
    return pass();
  }
  cudaStream_t stream;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  cudaMemPool_t pool;
  CHECK(cudaDeviceGetDefaultMemPool(&pool, 0));
  uint64_t keep = 64 << 20;
  CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep));
  std::vector<int> host(3000);
  for (int round = 0; round < 20; ++round) {
    const int n = 100 + round * 150;
    int* values = nullptr;
    CHECK(cudaMallocAsync(&values, n * sizeof(int), stream));
    fill<<<(n + 127) / 128, 128, 0, stream>>>(values, n, round);
    CHECK_LAUNCH();
    CHECK(cudaMemcpyAsync(host.data(), values, n * sizeof(int), cudaMemcpyDeviceToHost, stream));
    CHECK(cudaFreeAsync(values, stream));
    CHECK(cudaStreamSynchronize(stream));
    for (int i = 0; i < n; ++i) EXPECT(host[i] == round + i, "round %d: value %d is %d", round, i, host[i]);
  }
  uint64_t used = 1, reserved = 0;
  CHECK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
  CHECK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved));
  EXPECT(used == 0, "%llu bytes still used", static_cast<unsigned long long>(used));
  EXPECT(reserved > 0, "the pool kept nothing below its threshold");
  CHECK(cudaMemPoolTrimTo(pool, 0));
  std::printf("20 allocations in stream order, %llu KiB kept until the trim\n",
              static_cast<unsigned long long>(reserved >> 10));

  cudaMemPoolProps props = {};
  props.allocType = cudaMemAllocationTypePinned;
  props.location.type = cudaMemLocationTypeDevice;
  cudaMemPool_t own;
  CHECK(cudaMemPoolCreate(&own, &props));
  int* values = nullptr;
  CHECK(cudaMallocFromPoolAsync(reinterpret_cast<void**>(&values), 4096, own, stream));
  fill<<<8, 128, 0, stream>>>(values, 1024, -3);
  CHECK(cudaMemcpyAsync(host.data(), values, 4096, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaFreeAsync(values, stream));
  CHECK(cudaStreamSynchronize(stream));
  EXPECT(host[0] == -3 && host[1023] == 1020, "own pool: %d and %d", host[0], host[1023]);
  CHECK(cudaMemPoolDestroy(own));
  CHECK(cudaStreamDestroy(stream));
  std::printf("a pool of our own works\n");
  return pass();
}
