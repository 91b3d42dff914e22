// SPDX-License-Identifier: Apache-2.0
// Byte histogram: atomics on shared memory in each block, then atomics on global memory.
#include "check.h"

#include <vector>

__global__ void count(const unsigned char* data, int n, unsigned* bins) {
  __shared__ unsigned local[256];
  local[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&local[data[i]], 1u);
  __syncthreads();
  if (local[threadIdx.x]) atomicAdd(&bins[threadIdx.x], local[threadIdx.x]);
}

int main() {
  constexpr int n = 200003;
  std::vector<unsigned char> data(n);
  unsigned expected[256] = {}, bins[256];
  Random random;
  // The minimum of two draws makes low bytes common, so that lanes of a warp meet in one bin.
  for (unsigned char& x : data) {
    const unsigned a = random.next() % 256, b = random.next() % 256;
    ++expected[x = static_cast<unsigned char>(a < b ? a : b)];
  }
  DeviceArray<unsigned char> ddata(n);
  DeviceArray<unsigned> dbins(256);
  ddata.set(data.data());
  dbins.clear();
  count<<<8, 256>>>(ddata.get(), n, dbins.get());
  CHECK_LAUNCH();
  dbins.read(bins);
  for (int i = 0; i < 256; ++i) EXPECT(bins[i] == expected[i], "bin %d holds %u, expected %u", i, bins[i], expected[i]);
  std::printf("%d bytes counted; 0 occurs %u times, 255 %u times\n", n, bins[0], bins[255]);
  return pass();
}
