// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/block.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "softgpu/machine/cluster.h"
#include "softgpu/machine/special.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft {

namespace {
// A block that has been spinning for so many slices of its warps lets other blocks of the grid run.
constexpr unsigned kSpinsBeforeYield = 2048;
// Who spun that long once will wait for others of the grid again, and they should not wait for it that long.
constexpr unsigned kLeastPatience = 16, kLessPatience = 4;
constexpr unsigned kCooperativeSpins = 2;
constexpr unsigned kPlainBeforeYield = 4096;
}  // namespace

Block::Block(LaunchState& launch, Cluster& cluster, uint32_t rank, uint32_t worker)
    : launch_(launch), cluster_(cluster), rank_(rank), worker_(worker) {}

std::unique_ptr<Block> Block::create(LaunchState& launch, Cluster& cluster, uint32_t rank, uint32_t worker) {
  std::unique_ptr<Block> block(new Block(launch, cluster, rank, worker));
  const uint32_t warps = launch.warps_per_block();
  const uint32_t shared = launch.static_shared_bytes + launch.dynamic_shared_bytes;
  // Vector loads of the last bytes never reach past the end, but rows of 64 bytes keep the allocation simple.
  block->shared_ = RowMemory(shared);
  block->reserved_shared_ = RowMemory(kReservedSharedSize);
  block->local_ = RowMemory(size_t{launch.local_stride} * kLanes * warps);
  block->specials_ = RowMemory(size_t{kSpecialBytes} * warps);
  if (shared != 0) std::memset(block->shared_.data(), 0, shared);
  std::memset(block->reserved_shared_.data(), 0, kReservedSharedSize);
  if (launch.local_stride != 0) std::memset(block->local_.data(), 0, size_t{launch.local_stride} * kLanes * warps);
  for (uint32_t i = 0; i < warps; ++i) block->set_up_warp(i);
  for (Barrier& barrier : block->barriers_) barrier.lanes.assign(warps, 0);
  return block;
}

void Block::set_up_warp(uint32_t index) {
  Warp& warp = *warps_.emplace_back(std::make_unique<Warp>());
  warp.index = index;
  warp.block = this;
  warp.schedule = schedules_.emplace_back(std::make_unique<Schedule>(warp)).get();
  std::byte* rows = specials_.data() + size_t{kSpecialBytes} * index;
  warp.base[Operand::special] = rows;
  fill_special_rows(rows, launch_, index, worker_);
  warp.shared = shared_.data();
  warp.shared_size = launch_.static_shared_bytes + launch_.dynamic_shared_bytes;
  warp.local_stride = launch_.local_stride;
  warp.local = local_.data() + size_t{launch_.local_stride} * kLanes * index;
  warp.parameters = launch_.parameters;
  warp.parameter_size = launch_.parameter_size;
  warp.map = &launch_.map;
  warp.map_epoch = &launch_.map.epoch();
}

void Block::start(const Dim3& position) {
  position_ = position;
  const uint32_t threads = launch_.threads_per_block();
  live_warps_ = static_cast<uint32_t>(warps_.size());
  patience_ = kSpinsBeforeYield;
  spun_ = 0;
  for (uint32_t i = 0; i < warps_.size(); ++i) {
    fill_block_rows(warps_[i]->base[Operand::special], launch_, position_, rank_);
    const uint32_t lanes = std::min(kLanes, threads - i * kLanes);
    schedules_[i]->start(launch_.kernel.entry(), lanes == kLanes ? kAllLanes : (LaneMask{1} << lanes) - 1);
  }
  for (uint32_t id = 0; busy_barriers_ != 0; ++id) {
    if ((busy_barriers_ >> id & 1u) == 0) continue;
    busy_barriers_ &= ~(1u << id);
    barriers_[id].arrived = 0;
    std::fill(barriers_[id].lanes.begin(), barriers_[id].lanes.end(), 0);
  }
}

Block::Progress Block::give_way(unsigned spins) {
  patience_ = std::max(patience_ / kLessPatience, kLeastPatience);
  spun_ += spins;
  if (spun_ < kSpinsBeforeYield) return Progress::pausing;
  spun_ = 0;
  return Progress::spinning;
}

Block::Progress Block::run() {
  const bool others = launch_.cooperative || cluster_.size() > 1;  // that it may be waiting for
  const unsigned spins_allowed = others ? kCooperativeSpins : patience_;
  unsigned spins = 0;
  unsigned slices = 0;
  while (live_warps_ != 0) {
    bool progress = false;
    bool spinning = false;
    bool sliced = false;
    for (uint32_t i = 0; i < warps_.size(); ++i) {
      Warp& warp = *warps_[i];
      if (warp.live == 0 || !schedules_[i]->run()) continue;
      progress = true;
      if (warp.budget < 0) {
        sliced = true;
        spinning = spinning || warp.spinning;
        if (launch_.stop.load(std::memory_order_relaxed)) return Progress::failed;
      }
    }
    if (launch_.stop.load(std::memory_order_relaxed)) return Progress::failed;
    if (!progress) return Progress::waiting;
    if (spinning && ++spins >= spins_allowed) return others ? Progress::spinning : give_way(spins);
    if (sliced && ++slices >= kPlainBeforeYield) return Progress::spinning;
  }
  return Progress::finished;
}

bool Block::ready() const {
  return std::any_of(schedules_.begin(), schedules_.end(), [](const auto& schedule) { return schedule->ready(); });
}

bool Block::dissolve() {
  bool any = false;
  for (auto& schedule : schedules_) any = schedule->dissolve() || any;
  return any;
}

void Block::fail_hanging() {
  launch_.fail(CUDA_ERROR_LAUNCH_TIMEOUT, launch_.kernel.name() + ": block (" + std::to_string(position_.x) + "," +
                                              std::to_string(position_.y) + "," + std::to_string(position_.z) +
                                              ") hangs: its threads wait for each other at barriers");
}

const Function* Block::find_function(uint64_t address) const { return launch_.code.find_function(address); }

const Texture* Block::find_texture(uint64_t handle) {
  const TextureMap* const map = launch_.environment.textures;
  if (map == nullptr) return nullptr;
  if (textures_ == nullptr) textures_ = std::make_unique<TextureCache>();
  return textures_->find(*map, handle);
}

bool Block::arrive(Warp& warp, LaneMask lanes, uint8_t id, uint32_t expected, LaneMask predicate,
                   Schedule::Opened opened) {
  Barrier& barrier = barriers_[id];
  if (barrier.arrived == 0) {
    barrier.expected = 0;
    barrier.opened = nullptr;
    barrier.pending = Reduction{};
  }
  busy_barriers_ |= 1u << id;
  if (expected != 0) barrier.expected = expected;
  if (opened != nullptr) barrier.opened = opened;
  barrier.pending.count += static_cast<uint32_t>(std::popcount(predicate & lanes));
  barrier.pending.all = barrier.pending.all && (~predicate & lanes) == 0;
  barrier.pending.any = barrier.pending.any || (predicate & lanes) != 0;
  LaneMask& arrived = barrier.lanes[warp.index];
  const int before = std::popcount(arrived);
  arrived |= lanes;
  const bool whole = (warp.live & ~arrived) == 0;
  barrier.arrived += static_cast<uint32_t>((whole ? static_cast<int>(kLanes) : std::popcount(arrived)) - before);
  if (whole) arrived = kAllLanes;
  return try_open(id);
}

bool Block::try_open(uint8_t id) {
  Barrier& barrier = barriers_[id];
  const uint32_t expected =
      barrier.expected != 0 ? (barrier.expected + kLanes - 1) / kLanes * kLanes : live_warps_ * kLanes;
  if (barrier.arrived < expected) return false;
  if (id == kClusterBarrier) return cluster_.try_open();
  open(id);
  return true;
}

void Block::open(uint8_t id) {
  Barrier& barrier = barriers_[id];
  barrier.result = barrier.pending;
  barrier.arrived = 0;
  std::fill(barrier.lanes.begin(), barrier.lanes.end(), 0);
  busy_barriers_ &= ~(1u << id);
  for (auto& schedule : schedules_) schedule->open_barrier(id, barrier.opened);
}

void Block::lanes_exited(const Warp& warp) {
  if (warp.live == 0) --live_warps_;
  for (uint32_t busy = busy_barriers_; busy != 0; busy &= busy - 1) {
    const uint8_t id = static_cast<uint8_t>(std::countr_zero(busy));
    Barrier& barrier = barriers_[id];
    LaneMask& arrived = barrier.lanes[warp.index];
    if (arrived != 0 && arrived != kAllLanes && (warp.live & ~arrived) == 0) {
      barrier.arrived += kLanes - static_cast<uint32_t>(std::popcount(arrived));
      arrived = kAllLanes;
    }
    // A barrier that nobody waits at with a count of its own opens when the rest of the block has ended.
    if (live_warps_ != 0) try_open(id);
  }
  if (live_warps_ == 0 && cluster_.size() > 1) cluster_.try_open();
}

}  // namespace vgpu::soft
