// SPDX-License-Identifier: Apache-2.0
// A cooperative launch: all blocks meet at a grid barrier several times. Groups of a tile are used as well.
#include "check.h"

#include <cooperative_groups.h>
#include <vector>

namespace cg = cooperative_groups;

constexpr int kRounds = 5;

// Each round every block replaces its value by the sum of its neighbours' values of the round before.
__global__ void ring(int* values, int* next) {
  cg::grid_group grid = cg::this_grid();
  for (int round = 0; round < kRounds; ++round) {
    const int* from = round % 2 ? next : values;
    int* to = round % 2 ? values : next;
    if (threadIdx.x == 0) {
      const int left = (blockIdx.x + gridDim.x - 1) % gridDim.x, right = (blockIdx.x + 1) % gridDim.x;
      to[blockIdx.x] = from[left] + from[right];
    }
    grid.sync();
  }
}

__global__ void tiles(int* sums) {
  auto tile = cg::tiled_partition<8>(cg::this_thread_block());
  int value = threadIdx.x;
  for (int distance = tile.size() / 2; distance > 0; distance /= 2) value += tile.shfl_down(value, distance);
  if (tile.thread_rank() == 0) sums[threadIdx.x / 8] = value;
}

int main() {
  int supported = 0, processors = 0, per_processor = 0;
  CHECK(cudaDeviceGetAttribute(&supported, cudaDevAttrCooperativeLaunch, 0));
  CHECK(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0));
  EXPECT(supported, "no cooperative launch on this device");
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_processor, ring, 64, 0));
  const int most = processors * per_processor;
  const int blocks = most < 24 ? most : 24;
  EXPECT(blocks >= 1, "no block fits the device");
  std::vector<int> values(blocks), got(blocks);
  for (int i = 0; i < blocks; ++i) values[i] = i;
  DeviceArray<int> a(blocks), b(blocks);
  a.set(values.data());
  int *pa = a.get(), *pb = b.get();
  void* arguments[] = {&pa, &pb};
  CHECK(cudaLaunchCooperativeKernel(ring, dim3(blocks), dim3(64), arguments, 0, nullptr));
  (kRounds % 2 ? b : a).read(got.data());
  for (int round = 0; round < kRounds; ++round) {
    std::vector<int> next(blocks);
    for (int i = 0; i < blocks; ++i) next[i] = values[(i + blocks - 1) % blocks] + values[(i + 1) % blocks];
    values = next;
  }
  for (int i = 0; i < blocks; ++i)
    EXPECT(got[i] == values[i], "block %d ended with %d, expected %d", i, got[i], values[i]);
  std::printf("%d blocks met %d times\n", blocks, kRounds);

  CHECK_ERROR(cudaLaunchCooperativeKernel(ring, dim3(most + 1), dim3(64), arguments, 0, nullptr),
              cudaErrorCooperativeLaunchTooLarge);
  (void)cudaGetLastError();

  DeviceArray<int> sums(8);
  tiles<<<1, 64>>>(sums.get());
  CHECK_LAUNCH();
  int tile_sums[8];
  sums.read(tile_sums);
  for (int i = 0; i < 8; ++i) EXPECT(tile_sums[i] == 64 * i + 28, "tile %d sums to %d", i, tile_sums[i]);
  return pass();
}
