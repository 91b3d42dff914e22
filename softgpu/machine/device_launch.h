// SPDX-License-Identifier: Apache-2.0
// DeviceLaunches: what a running grid asks to be done after it: kernels that its kernels launch, copies and fills (CUDA
// C++ Programming Guide, Dynamic Parallelism). The guide lets a child run at any time between its launch and the end of
// its parent, which ends when its children have, and gives a parent no way to wait for one. So Machine::run does all of
// it when the parent's blocks have ended, one after the other in the order of the launches; that is an order which
// every stream and event of the device's code asks for. Owned by a launch; any pool thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "common/result.h"
#include "softgpu/machine/function.h"
#include "softgpu/machine/machine.h"

namespace vgpu::soft {

// A grid, or, without a kernel, bytes to copy or to fill.
struct DeviceWork {
  const Kernel* kernel = nullptr;
  Dim3 grid, block;
  uint32_t dynamic_shared_bytes = 0;
  std::vector<std::byte> parameters;
  uint64_t to = 0, from = 0, size = 0;  // from 0: fill
  int value = 0;
};

class DeviceLaunches {
 public:
  explicit DeviceLaunches(MemoryMap& map) : map_(map) {}
  ~DeviceLaunches();

  // The address of memory for the grid's parameters, which kernels may write; 0 when too much is waiting.
  uint64_t prepare(DeviceWork grid);
  // The grid that was prepared at this address goes into the queue; `tail`: after everything that is no tail. False
  // when there is none.
  bool launch(uint64_t parameters, bool tail);
  // False when too much is waiting.
  bool add(DeviceWork work, bool tail);

  // The last error of a thread of the grid, as cudaGetLastError tells it to device code.
  void set_error(uint64_t thread, int error);
  int error(uint64_t thread, bool clear);
  // A handle for a stream or an event of device code. Such objects need no state: see above.
  uint64_t make_handle();
  bool is_handle(uint64_t handle);

  // Puts the queue on top of `stack`, the first on top. The grid has ended.
  void take(std::vector<DeviceWork>& stack);

 private:
  uint64_t reserve(uint64_t bytes);

  MemoryMap& map_;
  std::mutex mutex_;                                   // guards everything below
  std::vector<RowMemory> slabs_;                       // parameters; in the map
  uint64_t used_ = 0;                                  // bytes of the last slab
  std::unordered_map<uint64_t, DeviceWork> prepared_;  // by address
  std::vector<DeviceWork> queue_, tail_;
  std::unordered_map<uint64_t, int> errors_;  // by thread
  uint64_t handles_ = 0;
};

// Carries out a copy or a fill. ILLEGAL_ADDRESS.
Result<void, Fault> move_bytes(const DeviceWork& work, const MemoryMap& map);
// %gridid of a grid that the device launched.
uint64_t next_device_grid_id();

}  // namespace vgpu::soft
