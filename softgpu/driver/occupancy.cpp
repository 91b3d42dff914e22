// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/occupancy.h"

#include <algorithm>

namespace vgpu::soft {
namespace {

constexpr int kWarp = 32;
// Registers are handed out to a warp in these portions, and warps to the four partitions of a multiprocessor.
constexpr int kRegisterPortion = 256;
constexpr int kPartitions = 4;

size_t round_up(size_t value, size_t portion) { return (value + portion - 1) / portion * portion; }

// Shared memory comes in portions of 128 bytes since compute capability 8.0, of 256 before.
size_t shared_portion(const DeviceLimits& limits) { return limits.major >= 8 ? 128 : 256; }

size_t shared_per_block(const DeviceLimits& limits, size_t bytes) {
  return round_up(bytes + static_cast<size_t>(limits.shared_reserved_per_block), shared_portion(limits));
}

int by_registers(const DeviceLimits& limits, int registers, int warps) {
  if (registers <= 0) return limits.max_blocks_per_multiprocessor;
  const auto per_warp = static_cast<int>(round_up(static_cast<size_t>(registers) * kWarp, kRegisterPortion));
  const int warps_per_partition = limits.registers_per_multiprocessor / kPartitions / per_warp;
  return warps_per_partition * kPartitions / warps;
}

}  // namespace

int blocks_per_multiprocessor(const DeviceLimits& limits, const BlockNeeds& needs, int threads, size_t dynamic_shared) {
  if (threads <= 0 || threads > limits.max_threads_per_block || dynamic_shared > needs.max_dynamic_shared) return 0;
  const int warps = (threads + kWarp - 1) / kWarp;
  int blocks = limits.max_blocks_per_multiprocessor;
  blocks = std::min(blocks, limits.max_threads_per_multiprocessor / kWarp / warps);
  blocks = std::min(blocks, by_registers(limits, needs.registers, warps));
  const size_t shared = needs.static_shared + dynamic_shared;
  if (const size_t per_block = shared_per_block(limits, shared); per_block != 0)
    blocks = static_cast<int>(std::min<size_t>(static_cast<size_t>(blocks),
                                               static_cast<size_t>(limits.shared_per_multiprocessor) / per_block));
  return blocks;
}

CuResult<size_t> dynamic_shared_for(const DeviceLimits& limits, const BlockNeeds& needs, int blocks, int threads) {
  if (blocks <= 0 || threads <= 0) return CUDA_ERROR_INVALID_VALUE;
  if (blocks_per_multiprocessor(limits, needs, threads, 0) < blocks) return CUDA_ERROR_INVALID_VALUE;
  const size_t portion = shared_portion(limits);
  const size_t share = static_cast<size_t>(limits.shared_per_multiprocessor / blocks) / portion * portion;
  // NVIDIA's driver leaves the part reserved per block out of this sum.
  return std::min(share > needs.static_shared ? share - needs.static_shared : 0, needs.max_dynamic_shared);
}

}  // namespace vgpu::soft
