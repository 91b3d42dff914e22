// SPDX-License-Identifier: Apache-2.0
// The occupancy calculator against what NVIDIA's driver answered on an H200 (compute capability 9.0).
#include "softgpu/driver/occupancy.h"

#include "tests/support/test.h"

namespace {

using vgpu::soft::BlockNeeds;
using vgpu::soft::blocks_per_multiprocessor;
using vgpu::soft::DeviceLimits;
using vgpu::soft::dynamic_shared_for;

DeviceLimits h200() {
  DeviceLimits limits;
  limits.major = 9;
  limits.max_threads_per_block = 1024;
  limits.max_threads_per_multiprocessor = 2048;
  limits.max_blocks_per_multiprocessor = 32;
  limits.shared_per_block = 48 * 1024;
  limits.shared_per_multiprocessor = 228 * 1024;
  limits.shared_reserved_per_block = 1024;
  limits.registers_per_block = limits.registers_per_multiprocessor = 65536;
  return limits;
}

BlockNeeds kernel(int registers, size_t static_shared = 0) { return {registers, static_shared, 48 * 1024}; }

}  // namespace

TEST_CASE("small blocks are limited by the number of blocks", "[unit][occupancy]") {
  for (const int threads : {1, 32, 33, 64}) CHECK(blocks_per_multiprocessor(h200(), kernel(4), threads, 0) == 32);
}

TEST_CASE("larger blocks are limited by threads, in whole warps", "[unit][occupancy]") {
  CHECK(blocks_per_multiprocessor(h200(), kernel(4), 100, 0) == 16);
  CHECK(blocks_per_multiprocessor(h200(), kernel(4), 128, 0) == 16);
  CHECK(blocks_per_multiprocessor(h200(), kernel(4), 1000, 0) == 2);
  CHECK(blocks_per_multiprocessor(h200(), kernel(4), 1024, 0) == 2);
}

TEST_CASE("shared memory counts with what the device reserves per block", "[unit][occupancy]") {
  CHECK(blocks_per_multiprocessor(h200(), kernel(4), 32, 1000) == 32);
  CHECK(blocks_per_multiprocessor(h200(), kernel(4), 32, 10000) == 20);
  CHECK(blocks_per_multiprocessor(h200(), kernel(4), 32, 40000) == 5);
}

TEST_CASE("registers are handed out to whole warps", "[unit][occupancy]") {
  // 255 registers make 8160 per warp, rounded up to 8192: two warps for each of the four partitions.
  CHECK(blocks_per_multiprocessor(h200(), kernel(255), 32, 0) == 8);
  CHECK(blocks_per_multiprocessor(h200(), kernel(255), 128, 0) == 2);
  CHECK(blocks_per_multiprocessor(h200(), kernel(255), 1024, 0) == 0);
}

TEST_CASE("a block that cannot run at all gives none", "[unit][occupancy]") {
  CHECK(blocks_per_multiprocessor(h200(), kernel(4), 1025, 0) == 0);
  CHECK(blocks_per_multiprocessor(h200(), kernel(4), 32, 60000) == 0);
}

TEST_CASE("shared memory left for a number of blocks", "[unit][occupancy]") {
  CHECK(dynamic_shared_for(h200(), kernel(4), 1, 128).value() == 49152);
  CHECK(dynamic_shared_for(h200(), kernel(4), 8, 128).value() == 29184);
  CHECK(dynamic_shared_for(h200(), kernel(4), 100, 128).error() == CUDA_ERROR_INVALID_VALUE);
  CHECK(dynamic_shared_for(h200(), kernel(4), 0, 128).error() == CUDA_ERROR_INVALID_VALUE);
}
