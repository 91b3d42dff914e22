// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/warp_group.h"

#include "softgpu/machine/block.h"
#include "softgpu/machine/schedule.h"

namespace vgpu::soft {

void wait_for_warp_group(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const auto id = static_cast<uint8_t>(kWarpGroupBarriers + warp.index / kWarpsOfGroup);
  if (warp.block->arrive(warp, mask, id, kWarpsOfGroup * kLanes, 0, nullptr)) return;
  warp.schedule->wait_at_barrier(instruction, mask, id);
}

}  // namespace vgpu::soft
