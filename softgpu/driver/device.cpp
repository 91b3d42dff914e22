// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/device.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "common/log.h"
#include "softgpu/driver/context.h"
#include "softgpu/driver/device_facts.h"
#include "softgpu/driver/pool.h"
#include "softgpu/driver/visible_devices.h"
#include "softgpu/machine/machine.h"
#include "softgpu/machine/texture_map.h"

namespace vgpu::soft {
namespace {

constexpr int KiB = 1024;

// CUDA C++ programming guide, "Technical specifications per compute capability".
constexpr DeviceLimits kLimits[] = {
    {7, 5, 1024, 1024, 16, 48 * KiB, 64 * KiB, 64 * KiB, 0, 65536, 65536, 0, 0, 4096 * KiB},
    {8, 0, 1024, 2048, 32, 48 * KiB, 163 * KiB, 164 * KiB, KiB, 65536, 65536, 0, 0, 40 * 1024 * KiB},
    {8, 6, 1024, 1536, 16, 48 * KiB, 99 * KiB, 100 * KiB, KiB, 65536, 65536, 0, 0, 6 * 1024 * KiB},
    {8, 9, 1024, 1536, 24, 48 * KiB, 99 * KiB, 100 * KiB, KiB, 65536, 65536, 0, 0, 32 * 1024 * KiB},
    {9, 0, 1024, 2048, 32, 48 * KiB, 227 * KiB, 228 * KiB, KiB, 65536, 65536, 8, 16, 50 * 1024 * KiB},
    {10, 0, 1024, 2048, 32, 48 * KiB, 227 * KiB, 228 * KiB, KiB, 65536, 65536, 8, 16, 126 * 1024 * KiB},
    {12, 0, 1024, 1536, 24, 48 * KiB, 99 * KiB, 100 * KiB, KiB, 65536, 65536, 8, 8, 96 * 1024 * KiB},
};

// VGPU_SOFT_COMPUTE_CAPABILITY=X.Y, one of those above.
DeviceLimits limits_from_environment() {
  const char* const wanted = std::getenv("VGPU_SOFT_COMPUTE_CAPABILITY");
  if (wanted == nullptr) return kLimits[0];
  for (DeviceLimits limits : kLimits) {
    char name[8];
    std::snprintf(name, sizeof name, "%d.%d", limits.major, limits.minor);
    limits.is_asked_for = true;
    if (std::strcmp(name, wanted) == 0) return limits;
  }
  VGPU_WARN("software GPU: VGPU_SOFT_COMPUTE_CAPABILITY=%s is none of 7.5, 8.0, 8.6, 8.9, 9.0, 10.0, 12.0; 7.5 it is",
            wanted);
  return kLimits[0];
}

}  // namespace

struct Device::PoolState {
  std::mutex mutex;  // guards the pool
  Ref<Pool> current;
};

Device::Device() : pool_state_(std::make_unique<PoolState>()) {}
Device::~Device() = default;

CuResult<std::unique_ptr<Device>> Device::create(int ordinal, int slot, size_t total_memory, unsigned worker_threads) {
  std::unique_ptr<Device> device(new Device);
  device->ordinal_ = ordinal;
  device->name_ =
      "vGPU software device (" + std::to_string(worker_threads) + (worker_threads == 1 ? " thread)" : " threads)");
  device->slot_ = slot;
  device->uuid_ = device_uuid(slot);
  device->total_memory_ = total_memory;
  device->limits_ = limits_from_environment();
  device->memory_map_ = std::make_unique<MemoryMap>();
  device->textures_ = std::make_unique<TextureMap>();
  device->machine_ = TRY(Machine::create(*device->memory_map_, worker_threads));
  device->facts_ = std::make_unique<Facts>(*device);
  device->multiprocessors_ = static_cast<int>(worker_threads);
  device->attributes_ = device->make_attributes();
  device->primary_ = TRY(Context::create_primary(*device));
  device->default_pool_ = TRY(Pool::create(*device, true, 0));
  device->pool_state_->current = device->default_pool_;
  return device;
}

Ref<Pool> Device::current_pool() const {
  const std::lock_guard lock(pool_state_->mutex);
  return pool_state_->current;
}

void Device::set_current_pool(Ref<Pool> pool) {
  const std::lock_guard lock(pool_state_->mutex);
  std::swap(pool_state_->current, pool);
}

}  // namespace vgpu::soft
