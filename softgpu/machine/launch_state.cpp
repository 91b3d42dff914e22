// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/launch_state.h"

#include <cinttypes>
#include <cstdio>

#include "softgpu/machine/block.h"
#include "softgpu/machine/warp.h"

namespace vgpu::soft {

void LaunchState::fail(CUresult code_, std::string message) {
  std::lock_guard lock(mutex_);
  if (!fault_) fault_ = Fault{code_, std::move(message)};
  stop.store(true, std::memory_order_relaxed);
}

std::optional<Fault> LaunchState::take_fault() {
  std::lock_guard lock(mutex_);
  return std::move(fault_);
}

void Warp::fault(CUresult code, const Instruction& instruction, unsigned lane, const char* detail, uint64_t address) {
  stopped = true;
  LaunchState& launch = block->launch();
  const Dim3& at = block->position();
  const uint32_t thread = index * kLanes + lane;
  char text[256];
  std::snprintf(text, sizeof text, ": block (%u,%u,%u), thread (%u,%u,%u), PTX line %u: %s (0x%" PRIx64 ")", at.x, at.y,
                at.z, thread % launch.block.x, thread / launch.block.x % launch.block.y,
                thread / launch.block.x / launch.block.y, instruction.line, detail, address);
  launch.fail(code, launch.kernel.name() + text);
}

}  // namespace vgpu::soft
