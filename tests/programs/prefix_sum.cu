// SPDX-License-Identifier: Apache-2.0
// An inclusive scan in three launches: scan each block, scan the block sums, add them. Order between launches of one
// stream is what makes it right.
#include "check.h"

#include <vector>

constexpr int kBlock = 256;

__global__ void scan_block(const int* input, int* output, int* block_sums, int n) {
  __shared__ int values[2][kBlock];
  const int i = blockIdx.x * kBlock + threadIdx.x;
  int side = 0;
  values[side][threadIdx.x] = i < n ? input[i] : 0;
  __syncthreads();
  for (int distance = 1; distance < kBlock; distance *= 2) {
    const int left = threadIdx.x >= distance ? values[side][threadIdx.x - distance] : 0;
    values[1 - side][threadIdx.x] = values[side][threadIdx.x] + left;
    side = 1 - side;
    __syncthreads();
  }
  if (i < n) output[i] = values[side][threadIdx.x];
  if (block_sums && threadIdx.x == kBlock - 1) block_sums[blockIdx.x] = values[side][threadIdx.x];
}

__global__ void add_sums(int* output, const int* block_sums, int n) {
  const int i = blockIdx.x * kBlock + threadIdx.x;
  if (blockIdx.x > 0 && i < n) output[i] += block_sums[blockIdx.x - 1];
}

int main() {
  constexpr int n = 50001, blocks = (n + kBlock - 1) / kBlock;
  static_assert(blocks <= kBlock, "the block sums fit one block");
  std::vector<int> input(n), output(n);
  Random random;
  for (int& x : input) x = static_cast<int>(random.next() % 100) - 30;
  DeviceArray<int> din(n), dout(n), sums(blocks);
  din.set(input.data());
  scan_block<<<blocks, kBlock>>>(din.get(), dout.get(), sums.get(), n);
  scan_block<<<1, kBlock>>>(sums.get(), sums.get(), nullptr, blocks);
  add_sums<<<blocks, kBlock>>>(dout.get(), sums.get(), n);
  CHECK_LAUNCH();
  dout.read(output.data());
  int expected = 0;
  for (int i = 0; i < n; ++i) {
    expected += input[i];
    EXPECT(output[i] == expected, "prefix %d is %d, expected %d", i, output[i], expected);
  }
  std::printf("%d prefix sums, the last is %d\n", n, expected);
  return pass();
}
