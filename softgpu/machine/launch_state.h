// SPDX-License-Identifier: Apache-2.0
// What all blocks of one launch share: what to run, with which parameters, and the first fault. Made by Machine::run,
// read by every pool thread that runs a block of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "softgpu/machine/device_launch.h"
#include "softgpu/machine/machine.h"
#include "softgpu/machine/program_state.h"

namespace vgpu::soft {

struct LaunchState {
  const Kernel& kernel;
  const KernelCode& code;
  Dim3 grid, block, cluster;
  uint32_t static_shared_bytes = 0;  // rounded up to where dynamic shared memory begins
  uint32_t dynamic_shared_bytes = 0;
  uint32_t local_stride = 0;  // bytes of local memory per thread
  bool cooperative = false;
  // Global memory that the device runtime's grid.sync() counts in, of cooperative launches: {uint32_t size, barrier}.
  uint64_t grid_workspace = 0;
  const std::byte* parameters = nullptr;
  uint32_t parameter_size = 0;
  uint32_t nsmid = 1;
  const Environment& environment;
  const MemoryMap& map;
  DeviceLaunches launches;  // what the kernel asks to be run after it

  std::atomic<bool> stop{false};  // a fault: every block ends at its next opportunity

  uint32_t threads_per_block() const { return block.x * block.y * block.z; }
  uint32_t warps_per_block() const { return (threads_per_block() + kLanes - 1) / kLanes; }

  uint32_t blocks_per_cluster() const { return cluster.x * cluster.y * cluster.z; }

  // The first fault wins.
  void fail(CUresult code_, std::string message);
  std::optional<Fault> take_fault();

 private:
  std::mutex mutex_;
  std::optional<Fault> fault_;  // guarded by mutex_

 public:
  LaunchState(const Kernel& kernel_, const KernelCode& code_, const Environment& environment_, MemoryMap& map_)
      : kernel(kernel_), code(code_), environment(environment_), map(map_), launches(map_) {}
};

}  // namespace vgpu::soft
