// SPDX-License-Identifier: Apache-2.0
// One software GPU: identity, limits, the machine that executes kernels and the addresses its kernels may touch.
// Everything but the primary context's state is constant after creation; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class Context;
class DeviceFacts;
class Machine;
class MemoryMap;
class Pool;
class TextureMap;

// Limits that follow from the advertised compute capability (CUDA programming guide, table of technical
// specifications), in CUDA's units: bytes, threads, 32-bit registers.
struct DeviceLimits {
  int major = 0, minor = 0;
  int max_threads_per_block = 0;
  int max_threads_per_multiprocessor = 0;
  int max_blocks_per_multiprocessor = 0;
  int shared_per_block = 0;        // without opting in
  int shared_per_block_optin = 0;  // most dynamic + static shared memory of a block
  int shared_per_multiprocessor = 0;
  int shared_reserved_per_block = 0;
  int registers_per_block = 0;
  int registers_per_multiprocessor = 0;
  int max_cluster_size = 0;        // portable cluster size, 0 before capability 9.0
  int max_cluster_size_optin = 0;  // of functions that allow sizes that are not portable
  int l2_cache_bytes = 0;
  bool is_asked_for = false;  // by VGPU_SOFT_COMPUTE_CAPABILITY
};

class Device {
 public:
  // `slot` is the device among all of this machine's, from which its identity follows; `ordinal` among the visible
  // ones. `worker_threads` is the size of the pool that runs the device's blocks.
  static CuResult<std::unique_ptr<Device>> create(int ordinal, int slot, size_t total_memory, unsigned worker_threads);
  ~Device();

  int ordinal() const { return ordinal_; }
  int slot() const { return slot_; }
  const std::string& name() const { return name_; }
  const CUuuid& uuid() const { return uuid_; }
  size_t total_memory() const { return total_memory_; }
  const DeviceLimits& limits() const { return limits_; }
  // Multiprocessors advertised: one per worker thread.
  int multiprocessors() const { return multiprocessors_; }
  // Any attribute of cuda.h; INVALID_VALUE for others.
  CuResult<int> attribute(CUdevice_attribute attribute) const;

  Machine& machine() { return *machine_; }
  MemoryMap& memory_map() { return *memory_map_; }
  // The texture and surface objects that its kernels may use.
  TextureMap& textures() { return *textures_; }
  // What its kernels may ask.
  const DeviceFacts& facts() const { return *facts_; }
  // The device's one primary context: always the same object, active or not (docs/export-tables.md).
  Context& primary() { return *primary_; }
  // Default and current memory pool for stream-ordered allocation.
  Pool& default_pool() { return *default_pool_; }
  Ref<Pool> current_pool() const;
  void set_current_pool(Ref<Pool> pool);

 private:
  Device();
  std::vector<int> make_attributes() const;

  int ordinal_ = 0, slot_ = 0;
  int multiprocessors_ = 0;
  std::string name_;
  CUuuid uuid_{};
  size_t total_memory_ = 0;
  DeviceLimits limits_;
  std::vector<int> attributes_;  // by attribute
  std::unique_ptr<MemoryMap> memory_map_;
  std::unique_ptr<TextureMap> textures_;
  std::unique_ptr<Machine> machine_;
  std::unique_ptr<DeviceFacts> facts_;
  Ref<Context> primary_;
  Ref<Pool> default_pool_;
  struct PoolState;
  std::unique_ptr<PoolState> pool_state_;
};

}  // namespace vgpu::soft
