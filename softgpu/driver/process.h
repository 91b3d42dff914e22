// SPDX-License-Identifier: Apache-2.0
// The driver's state in this process: devices, address space, executor. Created by cuInit, never destroyed (threads
// may use it until the very end of the process). Nothing exists, and no thread runs, before the first cuInit. A child
// made by fork after cuInit cannot use CUDA, as with NVIDIA's driver: get() is null there and cuInit fails with
// CUDA_ERROR_NOT_INITIALIZED. Any thread.
#pragma once

#include <memory>
#include <vector>

#include "common/launch_blocking.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/device.h"

namespace vgpu::soft {

class AddressSpace;
class Executor;

class Process {
 public:
  // cuInit.
  static CUresult initialize(unsigned flags);
  // Null before a successful cuInit, and in a forked child.
  static Process* get() noexcept;

  // Devices are ordinals 0 .. device_count() - 1 and live for ever.
  int device_count() const { return static_cast<int>(devices_.size()); }
  // Null for an ordinal out of range.
  Device* find_device(CUdevice ordinal);
  AddressSpace& memory() { return *memory_; }
  Executor& executor() { return *executor_; }
  // CUDA_LAUNCH_BLOCKING, as it was when the driver started: launches return when their kernels are done.
  bool launches_block() const { return launches_block_; }

 private:
  Process() = default;
  CUresult start();

  std::vector<std::unique_ptr<Device>> devices_;
  std::unique_ptr<AddressSpace> memory_;
  std::unique_ptr<Executor> executor_;
  const bool launches_block_ = vgpu::launches_block();
};

// The process, or CUDA_ERROR_NOT_INITIALIZED, or CUDA_ERROR_NOT_PERMITTED inside a host function: first line of calls
// that need no context.
CuResult<Process*> current_process();
// A device by ordinal: NOT_INITIALIZED or INVALID_DEVICE.
CuResult<Device*> get_device(CUdevice ordinal);

}  // namespace vgpu::soft
