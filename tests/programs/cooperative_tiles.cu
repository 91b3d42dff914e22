// SPDX-License-Identifier: Apache-2.0
// Groups smaller than a block: tiles with their reductions and scans, the lanes that happen to be together, groups by
// label, tiles of several warps, and a copy that a whole block makes.
#include "check.h"

#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
#include <vector>

namespace cg = cooperative_groups;

__global__ void tiles(int* out) {
  const auto block = cg::this_thread_block();
  const auto tile = cg::tiled_partition<8>(block);
  const auto half = cg::tiled_partition<4>(tile);
  const int value = tile.thread_rank() + 100 * tile.meta_group_rank(), i = block.thread_rank();
  out[i] = cg::reduce(tile, value, cg::plus<int>());
  out[64 + i] = cg::reduce(half, value, cg::greater<int>());
  out[128 + i] = cg::inclusive_scan(tile, value);
  out[192 + i] = cg::exclusive_scan(tile, 1);
  out[256 + i] = tile.match_any(value % 3);
  out[320 + i] = tile.any(tile.thread_rank() == 3) + 2 * tile.all(tile.thread_rank() < 8);
}

void check_tiles() {
  DeviceArray<int> out(384);
  tiles<<<1, 64>>>(out.get());
  CHECK_LAUNCH();
  int seen[384];
  out.read(seen);
  for (int i = 0; i < 64; ++i) {
    const int rank = i % 8, tile = i / 8;
    int scan = 0, match = 0;
    for (int k = 0; k <= rank; ++k) scan += k + 100 * tile;
    for (int k = 0; k < 8; ++k) match |= ((k + 100 * tile) % 3 == (rank + 100 * tile) % 3) << k;
    EXPECT(seen[i] == 28 + 800 * tile, "sum of thread %d: %d", i, seen[i]);
    EXPECT(seen[64 + i] == rank / 4 * 4 + 3 + 100 * tile, "maximum of thread %d: %d", i, seen[64 + i]);
    EXPECT(seen[128 + i] == scan && seen[192 + i] == rank, "scans of thread %d", i);
    EXPECT(seen[256 + i] == match && seen[320 + i] == 3, "votes of thread %d", i);
  }
}

// Lanes that found something reserve room together, so that one atomic serves all of them.
__global__ void filter(int* found, int* counts) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i % 3 != 0) return;
  const auto together = cg::coalesced_threads();
  int place = 0;
  if (together.thread_rank() == 0) place = atomicAdd(counts, static_cast<int>(together.size()));
  found[together.shfl(place, 0) + together.thread_rank()] = i;
  const auto alike = cg::labeled_partition(together, i % 2);
  const auto split = cg::binary_partition(together, i % 2 == 0);
  const int members = cg::reduce(alike, 1, cg::plus<int>());
  if (members != static_cast<int>(alike.size()) || alike.size() != split.size()) atomicAdd(counts + 1, 1);
}

void check_filter() {
  DeviceArray<int> found(1280), counts(2);
  counts.clear();
  filter<<<10, 128>>>(found.get(), counts.get());
  CHECK_LAUNCH();
  int count[2];
  counts.read(count);
  EXPECT(count[0] == 427 && count[1] == 0, "%d found, %d groups differ", count[0], count[1]);
  std::vector<int> list(1280);
  found.read(list.data());
  std::vector<bool> seen(1280);
  for (int i = 0; i < count[0]; ++i) {
    EXPECT(list[i] % 3 == 0 && !seen[list[i]], "%d is there wrongly, or twice", list[i]);
    seen[list[i]] = true;
  }
}

__global__ void wide(const int* in, int* out) {
  __shared__ cg::block_tile_memory<256> memory;
  __shared__ int copy[256];
  const auto block = cg::this_thread_block(memory);
  cg::memcpy_async(block, copy, in, sizeof copy);
  cg::wait(block);
  const auto tile = cg::tiled_partition<128>(block);
  out[block.thread_rank()] = cg::reduce(tile, copy[255 - block.thread_rank()], cg::plus<int>());
}

void check_wide() {
  DeviceArray<int> in(256), out(256);
  int values[256];
  for (int i = 0; i < 256; ++i) values[i] = i;
  in.set(values);
  wide<<<1, 256>>>(in.get(), out.get());
  CHECK_LAUNCH();
  out.read(values);
  EXPECT(values[0] == (128 + 255) * 64 && values[255] == 127 * 64, "sums %d and %d", values[0], values[255]);
}

int main() {
  check_tiles();
  check_filter();
  check_wide();
  return pass();
}
