// SPDX-License-Identifier: Apache-2.0
// Block: one thread block in flight: its warps, shared and local memory, barriers. A resumable state machine: run()
// returns when all threads ended, when the block spins and others should have a turn, when all threads wait, or after a
// fault. One pool thread runs a block at a time; a Block is used for one block of the grid after the other.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "softgpu/machine/launch_state.h"
#include "softgpu/machine/schedule.h"
#include "softgpu/machine/texture_map.h"
#include "softgpu/machine/warp.h"

namespace vgpu::soft {

class Cluster;

inline constexpr unsigned kBarriers = 16;  // that PTX can name
// A block has one barrier more, which is the block's part in the cluster's, and one for each of its warp groups.
inline constexpr uint8_t kClusterBarrier = kBarriers;
inline constexpr unsigned kWarpsOfGroup = 4, kWarpGroups = 8;
inline constexpr uint8_t kWarpGroupBarriers = kClusterBarrier + 1;
inline constexpr unsigned kAllBarriers = kWarpGroupBarriers + kWarpGroups;

class Block {
 public:
  // spinning: whatever it waits for may be the work of a block that was not started yet; pausing: of one that was.
  enum class Progress : uint8_t { finished, spinning, pausing, waiting, failed };

  // Allocates for blocks of this launch, which have this rank in their clusters; nullptr when there is no memory.
  static std::unique_ptr<Block> create(LaunchState& launch, Cluster& cluster, uint32_t rank, uint32_t worker);

  // Takes on the block at this position of the grid.
  void start(const Dim3& position);
  Progress run();
  bool finished() const { return live_warps_ == 0; }
  bool ready() const;  // a warp can run
  // Lanes waiting in joins go on without the others; false when none waits.
  bool dissolve();
  // Ends the launch: the block's threads wait for each other for ever.
  void fail_hanging();

  LaunchState& launch() { return launch_; }
  Cluster& cluster() { return cluster_; }
  uint32_t rank() const { return rank_; }  // in the cluster
  const Dim3& position() const { return position_; }
  std::byte* shared() { return shared_.data(); }
  std::byte* reserved_shared() { return reserved_shared_.data(); }
  uint32_t live_warps() const { return live_warps_; }

  const Function* find_function(uint64_t address) const;
  // nullptr: no such texture or surface. Good until the next look-up.
  const Texture* find_texture(uint64_t handle);

  // Barriers (PTX ISA 9.7.13.1). `lanes` of the warp arrive at barrier `id`; `expected` threads open it, 0: all of the
  // block that live. True: this arrival opened it, and whoever waited is ready.
  struct Reduction {
    uint32_t count = 0;  // of arrived threads with a true predicate
    bool all = true, any = false;
  };
  bool arrive(Warp& warp, LaneMask lanes, uint8_t id, uint32_t expected, LaneMask predicate, Schedule::Opened opened);
  // Whether lanes of the warp have arrived at the barrier and it has not opened since.
  bool is_pending(const Warp& warp, LaneMask lanes, uint8_t id) const {
    return (barriers_[id].lanes[warp.index] & lanes) != 0;
  }
  const Reduction& reduction(uint8_t id) const { return barriers_[id].result; }

  // Whether all threads that live have arrived at the cluster's barrier.
  bool at_cluster_barrier() const { return barriers_[kClusterBarrier].arrived >= live_warps_ * kLanes; }
  // Opens a barrier that nobody is missing at.
  void open(uint8_t id);

  // Lanes of the warp ended, its `live` says which are left.
  void lanes_exited(const Warp& warp);

 private:
  struct Barrier {
    uint32_t arrived = 0;   // threads; a warp all of whose live lanes are here counts in full
    uint32_t expected = 0;  // 0: all
    Schedule::Opened opened = nullptr;
    Reduction pending, result;
    std::vector<LaneMask> lanes;  // by warp
  };

  Block(LaunchState& launch, Cluster& cluster, uint32_t rank, uint32_t worker);
  void set_up_warp(uint32_t index);
  bool try_open(uint8_t id);
  Progress give_way(unsigned spins);

  LaunchState& launch_;
  Cluster& cluster_;
  uint32_t rank_;
  uint32_t worker_;
  Dim3 position_;
  std::vector<std::unique_ptr<Warp>> warps_;
  std::vector<std::unique_ptr<Schedule>> schedules_;
  std::unique_ptr<TextureCache> textures_;  // made by the first look-up
  RowMemory shared_;
  RowMemory reserved_shared_;  // see windows.h
  RowMemory local_;
  RowMemory specials_;
  Barrier barriers_[kAllBarriers];
  uint32_t busy_barriers_ = 0;  // bit per barrier that somebody has arrived at
  uint32_t live_warps_ = 0;
  unsigned patience_ = 0;  // slices that it may spin before others have a turn
  unsigned spun_ = 0;      // since blocks that were not started could have one
};

}  // namespace vgpu::soft
