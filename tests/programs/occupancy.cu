// SPDX-License-Identifier: Apache-2.0
// The occupancy calculator: sane, monotonic in block size and shared memory, and its suggestion can be launched.
#include "check.h"

__global__ void kernel(int* values) {
  extern __shared__ int scratch[];
  scratch[threadIdx.x] = threadIdx.x;
  __syncthreads();
  if (threadIdx.x == 0 && values) values[blockIdx.x] = scratch[blockDim.x - 1];
}

struct WordPerThread {
  __host__ __device__ size_t operator()(int threads) const { return threads * sizeof(int); }
};

int main() {
  cudaDeviceProp p;
  CHECK(cudaGetDeviceProperties(&p, 0));
  int before = 1 << 30;
  for (int threads = 32; threads <= p.maxThreadsPerBlock; threads *= 2) {
    int blocks = 0;
    CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads, threads * sizeof(int)));
    std::printf("%4d threads: %d blocks per multiprocessor\n", threads, blocks);
    EXPECT(blocks >= 1 && blocks <= before, "%d threads: %d blocks, before %d", threads, blocks, before);
    EXPECT(blocks * threads <= p.maxThreadsPerMultiProcessor, "%d x %d threads", blocks, threads);
    EXPECT(blocks <= p.maxBlocksPerMultiProcessor, "%d blocks", blocks);
    before = blocks;
  }
  int few = 0, many = 0;
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&many, kernel, 64, 1024));
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&few, kernel, 64, 40 << 10));
  EXPECT(few <= many && few >= 1, "with 40 KiB of shared memory %d blocks, with 1 KiB %d", few, many);

  int grid = 0, block = 0;
  CHECK(cudaOccupancyMaxPotentialBlockSizeVariableSMem(&grid, &block, kernel, WordPerThread{}));
  EXPECT(grid >= p.multiProcessorCount && block % 32 == 0 && block >= 32, "suggestion %d x %d", grid, block);
  DeviceArray<int> values(1);
  kernel<<<1, block, block * sizeof(int)>>>(values.get());
  CHECK_LAUNCH();
  int got = 0;
  values.read(&got);
  EXPECT(got == block - 1, "the suggested block returned %d", got);
  std::printf("suggested: %d blocks of %d threads\n", grid, block);
  return pass();
}
