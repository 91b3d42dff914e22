// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/special.h"

#include <chrono>

#include "softgpu/machine/launch_state.h"
#include "softgpu/machine/warp.h"
#include "softgpu/machine/windows.h"

namespace vgpu::soft {

using ptx::Word;

namespace {

// Rows in order. Vector registers take four; w is always zero.
enum Row : uint32_t {
  tid = 1,
  ntid = tid + 4,
  ctaid = ntid + 4,
  nctaid = ctaid + 4,
  clusterid = nctaid + 4,
  nclusterid = clusterid + 4,
  cluster_ctaid = nclusterid + 4,
  cluster_nctaid = cluster_ctaid + 4,
  laneid = cluster_nctaid + 4,
  warpid,
  nwarpid,
  smid,
  nsmid,
  lanemask_eq,
  lanemask_le,
  lanemask_lt,
  lanemask_ge,
  lanemask_gt,
  dynamic_size,
  total_size,
  cluster_rank,
  cluster_count,
  explicit_cluster,
  reserved_begin,
  reserved_end,
  reserved_size,
  reserved_first,
  reserved_second,
  workspace_high,
  workspace_low,
  zero,
  gridid = zero + 2,  // registers of 64 bits take two rows
  row_count = gridid + 2,
};
constexpr uint32_t kRowBytes = 128;
constexpr uint32_t kFirstRow = 512;  // behind the sink
static_assert(kFirstRow + row_count * kRowBytes <= kSpecialBytes);

constexpr uint32_t offset_of(uint32_t row) { return kFirstRow + row * kRowBytes; }

uint32_t* row_at(std::byte* rows, uint32_t row) { return reinterpret_cast<uint32_t*>(rows + offset_of(row)); }

void fill(std::byte* rows, uint32_t row, uint32_t value) {
  for (unsigned lane = 0; lane < kLanes; ++lane) row_at(rows, row)[lane] = value;
}

void fill(std::byte* rows, uint32_t row, const Dim3& value) {
  fill(rows, row, value.x);
  fill(rows, row + 1, value.y);
  fill(rows, row + 2, value.z);
  fill(rows, row + 3, 0);
}

}  // namespace

std::optional<Operand> find_special_row(Word word, unsigned component, uint64_t number) {
  uint32_t row = zero;
  switch (word) {
    case Word::sr_tid_: row = tid + component; break;
    case Word::sr_ntid_: row = ntid + component; break;
    case Word::sr_ctaid_: row = ctaid + component; break;
    case Word::sr_nctaid_: row = nctaid + component; break;
    case Word::sr_clusterid_: row = clusterid + component; break;
    case Word::sr_nclusterid_: row = nclusterid + component; break;
    case Word::sr_cluster_ctaid_: row = cluster_ctaid + component; break;
    case Word::sr_cluster_nctaid_: row = cluster_nctaid + component; break;
    case Word::sr_cluster_ctarank_: row = cluster_rank; break;
    case Word::sr_cluster_nctarank_: row = cluster_count; break;
    case Word::sr_laneid_: row = laneid; break;
    case Word::sr_warpid_: row = warpid; break;
    case Word::sr_nwarpid_: row = nwarpid; break;
    case Word::sr_smid_: row = smid; break;
    case Word::sr_nsmid_: row = nsmid; break;
    case Word::sr_gridid_: row = gridid; break;
    case Word::sr_lanemask_eq_: row = lanemask_eq; break;
    case Word::sr_lanemask_le_: row = lanemask_le; break;
    case Word::sr_lanemask_lt_: row = lanemask_lt; break;
    case Word::sr_lanemask_ge_: row = lanemask_ge; break;
    case Word::sr_lanemask_gt_: row = lanemask_gt; break;
    case Word::sr_dynamic_smem_size_: row = dynamic_size; break;
    case Word::sr_total_smem_size_:
    case Word::sr_aggr_smem_size_: row = total_size; break;
    // Two of the driver's registers hold the address through which grid.sync() works (see launch_state.h).
    case Word::sr_envreg_: row = number == 1 ? workspace_high : number == 2 ? workspace_low : zero; break;
    case Word::sr_is_explicit_cluster_: row = explicit_cluster; break;
    case Word::sr_reserved_smem_offset_begin_: row = reserved_begin; break;
    case Word::sr_reserved_smem_offset_end_: row = reserved_end; break;
    case Word::sr_reserved_smem_offset_cap_: row = reserved_size; break;
    case Word::sr_reserved_smem_offset_: row = number == 1 ? reserved_second : reserved_first; break;
    // No performance counters.
    case Word::sr_pm_:
    case Word::sr_pm_64_: row = zero; break;
    // 0 outside of a graph that kernels may launch, of which there are none.
    case Word::sr_current_graph_exec_: row = zero; break;
    default: return std::nullopt;
  }
  return Operand::at(Operand::special, offset_of(row));
}

bool is_changing_special(Word word) {
  return word == Word::sr_clock_ || word == Word::sr_clock_hi_ || word == Word::sr_clock64_ ||
         word == Word::sr_globaltimer_ || word == Word::sr_globaltimer_lo_ || word == Word::sr_globaltimer_hi_;
}

void read_special(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const auto nanoseconds = [](auto time) {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
  };
  // A cycle counter of one cycle per nanosecond, so that differences mean something to whoever divides by a clock rate.
  const Word word = static_cast<Word>(instruction.immediate);
  const bool timer =
      word == Word::sr_globaltimer_ || word == Word::sr_globaltimer_lo_ || word == Word::sr_globaltimer_hi_;
  const uint64_t value =
      timer ? nanoseconds(std::chrono::system_clock::now()) : nanoseconds(std::chrono::steady_clock::now());
  // A loop that watches a clock waits for something.
  warp.synchronising = true;
  if (word == Word::sr_clock64_ || word == Word::sr_globaltimer_) {
    uint64_t* row = warp.row<uint64_t>(instruction.operand[0]);
    for (unsigned lane = 0; lane < kLanes; ++lane) row[lane] = (mask >> lane & 1u) != 0 ? value : row[lane];
    return;
  }
  const bool high = word == Word::sr_clock_hi_ || word == Word::sr_globaltimer_hi_;
  const uint32_t half = static_cast<uint32_t>(high ? value >> 32 : value);
  uint32_t* row = warp.row<uint32_t>(instruction.operand[0]);
  for (unsigned lane = 0; lane < kLanes; ++lane) row[lane] = (mask >> lane & 1u) != 0 ? half : row[lane];
}

void fill_special_rows(std::byte* rows, const LaunchState& launch, uint32_t warp, uint32_t worker) {
  for (uint32_t i = 0; i < kSpecialBytes; ++i) rows[i] = std::byte{0};
  for (unsigned lane = 0; lane < kLanes; ++lane) {
    const uint32_t thread = warp * kLanes + lane;
    row_at(rows, tid)[lane] = thread % launch.block.x;
    row_at(rows, tid + 1)[lane] = thread / launch.block.x % launch.block.y;
    row_at(rows, tid + 2)[lane] = thread / launch.block.x / launch.block.y;
    row_at(rows, laneid)[lane] = lane;
    const uint32_t bit = uint32_t{1} << lane;
    row_at(rows, lanemask_eq)[lane] = bit;
    row_at(rows, lanemask_lt)[lane] = bit - 1;
    row_at(rows, lanemask_le)[lane] = bit | (bit - 1);
    row_at(rows, lanemask_ge)[lane] = ~(bit - 1);
    row_at(rows, lanemask_gt)[lane] = ~(bit | (bit - 1));
    reinterpret_cast<uint64_t*>(row_at(rows, gridid))[lane] = launch.environment.grid_id;
  }
  fill(rows, ntid, launch.block);
  fill(rows, nctaid, launch.grid);
  const Dim3& cluster = launch.cluster;
  fill(rows, nclusterid, {launch.grid.x / cluster.x, launch.grid.y / cluster.y, launch.grid.z / cluster.z});
  fill(rows, cluster_nctaid, cluster);
  fill(rows, cluster_count, launch.blocks_per_cluster());
  // The second half is cooperative groups'.
  fill(rows, reserved_begin, kReservedShared);
  fill(rows, reserved_end, kReservedShared + kReservedSharedSize);
  fill(rows, reserved_size, kReservedSharedSize);
  fill(rows, reserved_first, kReservedShared);
  fill(rows, reserved_second, kReservedShared + kReservedSharedSize / 2);
  fill(rows, explicit_cluster, launch.blocks_per_cluster() > 1 ? kAllLanes : 0);
  fill(rows, warpid, warp);
  fill(rows, nwarpid, launch.warps_per_block());
  fill(rows, smid, worker);
  fill(rows, nsmid, launch.nsmid);
  fill(rows, dynamic_size, launch.dynamic_shared_bytes);
  fill(rows, workspace_high, static_cast<uint32_t>(launch.grid_workspace >> 32));
  fill(rows, workspace_low, static_cast<uint32_t>(launch.grid_workspace));
  fill(rows, total_size, launch.static_shared_bytes + launch.dynamic_shared_bytes);
}

void fill_block_rows(std::byte* rows, const LaunchState& launch, const Dim3& block, uint32_t rank) {
  const Dim3& cluster = launch.cluster;
  fill(rows, ctaid, block);
  fill(rows, clusterid, {block.x / cluster.x, block.y / cluster.y, block.z / cluster.z});
  fill(rows, cluster_ctaid, {block.x % cluster.x, block.y % cluster.y, block.z % cluster.z});
  fill(rows, cluster_rank, rank);
}

}  // namespace vgpu::soft
