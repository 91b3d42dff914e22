// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/module_storage.h"

#include <cstring>

#include "softgpu/driver/address_space.h"
#include "softgpu/driver/device.h"
#include "softgpu/driver/process.h"
#include "softgpu/driver/texture_reference.h"
#include "softgpu/machine/texture_map.h"

namespace vgpu::soft {

Result<uint64_t, CUresult> ModuleStorage::allocate(size_t size, size_t alignment, Kind kind) {
  Region region;
  region.size = size == 0 ? 1 : size;
  region.kind = kind == Kind::managed ? RegionKind::managed : RegionKind::module;
  region.device = context_.device().ordinal();
  region.context = context_.handle_value();
  if (kind == Kind::managed) region.flags = CU_MEM_ATTACH_GLOBAL;
  const Region placed = TRY(Process::get()->memory().allocate(region, alignment));
  // Variables without an initial value are zero; the memory may have been used before.
  std::memset(reinterpret_cast<void*>(placed.begin), 0, placed.size);
  return placed.begin;
}

void ModuleStorage::release(uint64_t address) {
  Process::get()->memory().release(address, {RegionKind::module, RegionKind::managed});
}

Result<uint64_t, CUresult> ModuleStorage::make_reference(bool surface) {
  return surface ? publish(make_ref<SurfaceReference>(context_)) : publish(make_ref<TextureReference>(context_));
}

void ModuleStorage::release_reference(uint64_t handle, bool surface) {
  retire(handle, surface ? SurfaceReference::kKind : TextureReference::kKind);
  context_.device().textures().remove(handle);
}

}  // namespace vgpu::soft
