// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/cluster.h"

#include <algorithm>

#include "softgpu/machine/cluster_address.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft {

std::unique_ptr<Cluster> Cluster::create(LaunchState& launch, uint32_t worker) {
  std::unique_ptr<Cluster> cluster(new Cluster(launch));
  for (uint32_t rank = 0; rank < launch.blocks_per_cluster(); ++rank) {
    std::unique_ptr<Block> block = Block::create(launch, *cluster, rank, worker);
    if (block == nullptr) return nullptr;
    cluster->blocks_.push_back(std::move(block));
  }
  return cluster;
}

void Cluster::start(uint64_t index) {
  const Dim3& size = launch_.cluster;
  const uint64_t columns = launch_.grid.x / size.x, rows = launch_.grid.y / size.y;
  const Dim3 first{static_cast<uint32_t>(index % columns) * size.x,
                   static_cast<uint32_t>(index / columns % rows) * size.y,
                   static_cast<uint32_t>(index / columns / rows) * size.z};
  for (uint32_t rank = 0; rank < blocks_.size(); ++rank) {
    const Dim3 inside{rank % size.x, rank / size.x % size.y, rank / size.x / size.y};
    blocks_[rank]->start({first.x + inside.x, first.y + inside.y, first.z + inside.z});
  }
}

Block::Progress Cluster::run() {
  for (;;) {
    bool spinning = false, pausing = false, finished = true, ready = false;
    for (auto& block : blocks_) {
      if (block->finished()) continue;
      const Block::Progress progress = block->run();
      if (progress == Block::Progress::failed) return progress;
      spinning = spinning || progress == Block::Progress::spinning;
      pausing = pausing || progress == Block::Progress::pausing;
      finished = finished && progress == Block::Progress::finished;
    }
    if (finished) return Block::Progress::finished;
    if (spinning) return Block::Progress::spinning;
    if (pausing) return Block::Progress::pausing;
    // A block that ran later may have let an earlier one go on.
    for (auto& block : blocks_) ready = ready || block->ready();
    if (!ready && !break_deadlock()) return Block::Progress::failed;
  }
}

// Nothing can run: lanes in joins may be what the others wait for. Otherwise the cluster would hang for ever.
bool Cluster::break_deadlock() {
  bool any = false;
  for (auto& block : blocks_) any = block->dissolve() || any;
  if (any) return true;
  const auto waits = [](const auto& block) { return !block->finished(); };
  (*std::find_if(blocks_.begin(), blocks_.end(), waits))->fail_hanging();
  return false;
}

bool Cluster::try_open() {
  const auto complete = [](const auto& block) { return block->at_cluster_barrier(); };
  if (!std::all_of(blocks_.begin(), blocks_.end(), complete)) return false;
  for (auto& block : blocks_) block->open(kClusterBarrier);
  return true;
}

uint32_t blocks_of_cluster(const Warp& warp) { return warp.block->cluster().size(); }

uint32_t shared_address_of(const Warp& warp, uint32_t rank, uint32_t address) {
  const uint32_t offset = address % kClusterStep;
  if (rank == warp.block->rank()) return offset;
  return (std::min(rank, blocks_of_cluster(warp)) + 1) * kClusterStep + offset;
}

uint32_t rank_of_shared(const Warp& warp, uint32_t address) {
  return address < kClusterStep ? warp.block->rank() : address / kClusterStep - 1;
}

std::byte* locate_shared(const Warp& warp, uint64_t address, uint32_t size) {
  Block* block = warp.block;
  if (address >= kClusterStep && address < kWindowSize) {
    Cluster& cluster = block->cluster();
    const uint64_t rank = address / kClusterStep - 1;
    // A block alone has no second address for its memory, so that what runs far past the end of it is a fault.
    if (cluster.size() == 1 || rank >= cluster.size()) return nullptr;
    block = &cluster.block(static_cast<uint32_t>(rank));
    address %= kClusterStep;
  }
  const bool reserved = address - kReservedShared < kReservedSharedSize;
  const uint64_t available = reserved ? kReservedSharedSize : warp.shared_size;
  if (reserved) address -= kReservedShared;
  if (available < size || address > available - size) return nullptr;
  return (reserved ? block->reserved_shared() : block->shared()) + address;
}

}  // namespace vgpu::soft
