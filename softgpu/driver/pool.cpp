// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/operations.h"
#include "softgpu/driver/process.h"

namespace vgpu::soft {
namespace {

// Pools take memory in pieces of this many bytes, as far as their attributes are concerned.
constexpr cuuint64_t kReserveUnit = cuuint64_t{2} << 20;
constexpr cuuint64_t reserved_for(cuuint64_t used) { return (used + kReserveUnit - 1) / kReserveUnit * kReserveUnit; }

constexpr uint64_t kAlignment = 512;

// What is in the file of a shareable pool.
struct Identity {
  uint64_t magic;
  int device;
};
constexpr uint64_t kIdentityMagic = 0x706f6f6c66747367;

}  // namespace

Pool::Pool(Device& device, bool is_default, size_t maximum, vgpu::UniqueFd identity, bool is_imported)
    : Object(Kind::pool),
      device_(device),
      is_default_(is_default),
      maximum_(maximum),
      identity_(std::move(identity)),
      is_imported_(is_imported),
      readable_(DeviceMask{1} << device.ordinal()),
      writable_(readable_) {}

CUresult Pool::set_access(int device, CUmemAccess_flags flags) {
  const DeviceMask bit = DeviceMask{1} << device;
  if (flags != CU_MEM_ACCESS_FLAGS_PROT_NONE && flags != CU_MEM_ACCESS_FLAGS_PROT_READ &&
      flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)
    return CUDA_ERROR_INVALID_VALUE;
  if (device == device_.ordinal()) {
    if (flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE) return CUDA_SUCCESS;
    return flags == CU_MEM_ACCESS_FLAGS_PROT_NONE ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_NOT_SUPPORTED;
  }
  DeviceMask readable, writable;
  {
    const std::lock_guard lock(mutex_);
    readable_ = flags == CU_MEM_ACCESS_FLAGS_PROT_NONE ? readable_ & ~bit : readable_ | bit;
    writable_ = flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE ? writable_ | bit : writable_ & ~bit;
    readable = readable_;
    writable = writable_;
  }
  // What is allocated already changes, too.
  AddressSpace& memory = Process::get()->memory();
  for (const Region& region : memory.of_pool(handle_value()))
    memory.update(region.begin, [&](Region& present) {
      present.readable = readable;
      present.writable = writable;
    });
  return CUDA_SUCCESS;
}

CUmemAccess_flags Pool::access(int device) const {
  const std::lock_guard lock(mutex_);
  if ((writable_ >> device & 1) != 0) return CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  return (readable_ >> device & 1) != 0 ? CU_MEM_ACCESS_FLAGS_PROT_READ : CU_MEM_ACCESS_FLAGS_PROT_NONE;
}

CuResult<Ref<Pool>> Pool::create(Device& device, bool is_default, size_t maximum, Sharing sharing) {
  vgpu::UniqueFd identity;
  if (sharing == Sharing::shareable) {
    vgpu::Result<vgpu::UniqueFd> file = vgpu::create_memory_file("vgpu-soft-pool", sizeof(Identity));
    if (!file) return CUDA_ERROR_OUT_OF_MEMORY;
    identity = std::move(file).value();
    const Identity content{kIdentityMagic, device.ordinal()};
    if (pwrite(identity.get(), &content, sizeof content, 0) != sizeof content) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  Ref<Pool> pool(new Pool(device, is_default, maximum, std::move(identity), false));
  if (publish(pool) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  return pool;
}

CuResult<Ref<Pool>> Pool::import(vgpu::UniqueFd identity) {
  Identity content{};
  const bool whole =
      fcntl(identity.get(), F_GET_SEALS) >= 0 && pread(identity.get(), &content, sizeof content, 0) == sizeof content;
  Device* const device =
      whole && content.magic == kIdentityMagic ? Process::get()->find_device(content.device) : nullptr;
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Ref<Pool> pool(new Pool(*device, false, 0, std::move(identity), true));
  if (publish(pool) == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  return pool;
}

uint64_t Pool::reuse(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto fit = kept_.lower_bound(bytes);
  // A much larger piece waits for a larger request.
  if (fit == kept_.end() || fit->first > bytes + bytes / 4 + kAlignment) return 0;
  const uint64_t begin = fit->second;
  kept_.erase(fit);
  return begin;
}

CuResult<CUdeviceptr> Pool::allocate(size_t bytes) {
  if (bytes == 0 || is_imported_) return CUDA_ERROR_INVALID_VALUE;
  AddressSpace& memory = Process::get()->memory();
  Region region;
  region.size = bytes;
  region.kind = RegionKind::pool;
  region.device = device_.ordinal();
  region.pool = handle_value();
  region.whole_pages = static_cast<bool>(identity_);
  {
    const std::lock_guard lock(mutex_);
    if (maximum_ != 0 && (bytes > maximum_ || used_ > maximum_ - bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
    region.readable = readable_;
    region.writable = writable_;
  }
  region.begin = reuse(bytes);
  const bool reused = region.begin != 0;
  if (reused) {
    memory.place(region);
  } else {
    CuResult<Region> placed = memory.allocate(region, kAlignment);
    if (!placed) {
      trim(0);
      placed = memory.allocate(region, kAlignment);
    }
    region = TRY(placed);
  }
  const std::lock_guard lock(mutex_);
  used_ += bytes;
  used_high_ = std::max(used_high_, used_);
  if (!reused) reserved_ += memory.charged_for(region.begin);
  reserved_high_ = std::max(reserved_high_, reserved_);
  return CUdeviceptr{region.begin};
}

bool Pool::take_back(const Region& region) {
  AddressSpace& memory = Process::get()->memory();
  const uint64_t size = memory.withdraw(region.begin, RegionKind::pool);
  if (size == 0) return false;
  const std::lock_guard lock(mutex_);
  used_ -= region.size;
  if (reserved_ <= release_threshold_) {
    kept_.emplace(size, region.begin);
  } else {
    memory.discard(region.begin, device_.ordinal());
    reserved_ -= size;
  }
  return true;
}

void Pool::trim(uint64_t bytes) {
  AddressSpace& memory = Process::get()->memory();
  const std::lock_guard lock(mutex_);
  while (!kept_.empty() && reserved_ > bytes) {
    const auto largest = std::prev(kept_.end());
    memory.discard(largest->second, device_.ordinal());
    reserved_ -= largest->first;
    kept_.erase(largest);
  }
}

CUresult Pool::set_attribute(CUmemPool_attribute attribute, const void* value) {
  const std::lock_guard lock(mutex_);
  const auto set_switch = [value](int& to) {
    const int wanted = *static_cast<const int*>(value);
    if (wanted != 0 && wanted != 1) return CUDA_ERROR_INVALID_VALUE;
    to = wanted;
    return CUDA_SUCCESS;
  };
  switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES: return set_switch(reuse_follow_events_);
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC: return set_switch(reuse_opportunistic_);
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: return set_switch(reuse_internal_dependencies_);
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
      release_threshold_ = *static_cast<const cuuint64_t*>(value);
      return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      // High marks can only be reset.
      if (*static_cast<const cuuint64_t*>(value) != 0) return CUDA_ERROR_INVALID_VALUE;
      if (attribute == CU_MEMPOOL_ATTR_USED_MEM_HIGH) used_high_ = used_;
      else reserved_high_ = reserved_;
      return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult Pool::get_attribute(CUmemPool_attribute attribute, void* value) const {
  const std::lock_guard lock(mutex_);
  const auto give_switch = [value](int state) { *static_cast<int*>(value) = state; };
  const auto give_bytes = [value](cuuint64_t bytes) { *static_cast<cuuint64_t*>(value) = bytes; };
  switch (attribute) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES: give_switch(reuse_follow_events_); break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC: give_switch(reuse_opportunistic_); break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: give_switch(reuse_internal_dependencies_); break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: give_bytes(release_threshold_); break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT: give_bytes(reserved_for(reserved_)); break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: give_bytes(reserved_for(reserved_high_)); break;
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: give_bytes(used_); break;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: give_bytes(used_high_); break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

MemAllocOperation::MemAllocOperation(Ref<Pool> pool, CUdeviceptr address, size_t bytes)
    : pool_(std::move(pool)), address_(address), bytes_(bytes) {}

CuResult<Ref<MemAllocOperation>> MemAllocOperation::create(Ref<Pool> pool, size_t bytes) {
  const CUdeviceptr address = TRY(pool->allocate(bytes));
  return Ref<MemAllocOperation>(new MemAllocOperation(std::move(pool), address, bytes));
}

CUresult MemFreeOperation::run(Context&) { return free_device_memory(address_); }

CuResult<Ref<Pool>> find_pool(CUmemoryPool handle) {
  TRY(current_process());
  Ref<Pool> pool = find<Pool>(handle);
  if (!pool) return CUDA_ERROR_INVALID_VALUE;
  return pool;
}

}  // namespace vgpu::soft
