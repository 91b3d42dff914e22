// SPDX-License-Identifier: Apache-2.0
// A memory pool of stream-ordered allocation. Its memory comes from the address space, allocation by allocation; freed
// memory is kept for later allocations up to the release threshold (CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, 0 by default)
// and otherwise goes back at once. Any thread.
#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include "common/fd.h"
#include "softgpu/driver/address_space.h"
#include "softgpu/driver/cuda_api.h"
#include "softgpu/driver/object.h"

namespace vgpu::soft {

class Device;

class Pool final : public Object {
 public:
  using Handle = CUmemoryPool;
  static constexpr Kind kKind = Kind::pool;

  // Published. A default pool cannot be destroyed. `maximum` 0: no limit but the device's. A shareable one has a file
  // by which other processes know it.
  enum class Sharing : uint8_t { none, shareable };
  static CuResult<Ref<Pool>> create(Device& device, bool is_default, size_t maximum, Sharing sharing = Sharing::none);
  // Another process's pool, by its file. Nothing can be allocated from it.
  static CuResult<Ref<Pool>> import(vgpu::UniqueFd identity);

  Device& device() const { return device_; }
  bool is_default() const { return is_default_; }
  bool is_imported() const { return is_imported_; }
  // The file; -1 for a pool that is not shared.
  int identity() const { return identity_.get(); }

  // OUT_OF_MEMORY as a device allocation, INVALID_VALUE for 0 bytes.
  CuResult<CUdeviceptr> allocate(size_t bytes);
  // Frees an allocation of this pool; false when none begins there.
  bool take_back(const Region& region);
  // Gives kept memory back until the pool holds no more than `bytes`, or nothing that is not in use.
  void trim(uint64_t bytes);

  // cuMemPoolSetAccess and cuMemPoolGetAccess: which devices' kernels see the pool's memory. The pool's own device
  // always does.
  CUresult set_access(int device, CUmemAccess_flags flags);
  CUmemAccess_flags access(int device) const;

  // cuMemPoolSetAttribute and cuMemPoolGetAttribute; `value` points to an int or a cuuint64_t as the attribute says.
  CUresult set_attribute(CUmemPool_attribute attribute, const void* value);
  CUresult get_attribute(CUmemPool_attribute attribute, void* value) const;

 private:
  Pool(Device& device, bool is_default, size_t maximum, vgpu::UniqueFd identity, bool is_imported);
  // The beginning of a kept piece that suits, or 0.
  uint64_t reuse(uint64_t bytes);

  Device& device_;
  const bool is_default_;
  const size_t maximum_;
  const vgpu::UniqueFd identity_;
  const bool is_imported_;
  mutable std::mutex mutex_;  // guards everything below
  int reuse_follow_events_ = 1, reuse_opportunistic_ = 1, reuse_internal_dependencies_ = 1;
  DeviceMask readable_, writable_;
  cuuint64_t release_threshold_ = 0;
  cuuint64_t used_ = 0, used_high_ = 0;          // bytes as asked for
  cuuint64_t reserved_ = 0, reserved_high_ = 0;  // bytes charged: in use and kept
  std::multimap<uint64_t, uint64_t> kept_;       // size -> begin
};

// INVALID_VALUE when it is no pool.
CuResult<Ref<Pool>> find_pool(CUmemoryPool handle);

// The pool's share of a free: takes the region out of the address space and tells its pool. INVALID_VALUE when no
// stream-ordered or cuMemAlloc allocation begins there.
CUresult free_device_memory(CUdeviceptr address);

}  // namespace vgpu::soft
