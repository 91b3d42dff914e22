// SPDX-License-Identifier: Apache-2.0
// Cluster: blocks that run together and see each other's shared memory (PTX ISA 2.2.2); a single one unless the launch
// says more. What the pool hands out. One pool thread at a time runs all blocks of a cluster, in turns: what they do to
// each other's shared memory needs no more care than what the warps of a block do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "softgpu/machine/block.h"

namespace vgpu::soft {

class Cluster {
 public:
  // Allocates for clusters of this launch; nullptr when there is no memory.
  static std::unique_ptr<Cluster> create(LaunchState& launch, uint32_t worker);

  // Takes on the cluster with this linear index of the grid.
  void start(uint64_t index);
  // Never `waiting`: when no block can go on, the launch has failed.
  Block::Progress run();

  uint32_t size() const { return static_cast<uint32_t>(blocks_.size()); }
  Block& block(uint32_t rank) { return *blocks_[rank]; }

  // Opens the cluster's barrier if no thread is missing that lives. Whether it did.
  bool try_open();

 private:
  explicit Cluster(LaunchState& launch) : launch_(launch) {}
  bool break_deadlock();

  LaunchState& launch_;
  std::vector<std::unique_ptr<Block>> blocks_;  // by rank
};

}  // namespace vgpu::soft
