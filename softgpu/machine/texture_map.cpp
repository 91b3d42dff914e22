// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/texture_map.h"

#include <mutex>

namespace vgpu::soft {

void TextureMap::put(uint64_t handle, const Texture& texture) {
  const std::lock_guard lock(mutex_);
  textures_[handle] = texture;
  epoch_.fetch_add(1, std::memory_order_release);
}

void TextureMap::remove(uint64_t handle) {
  const std::lock_guard lock(mutex_);
  textures_.erase(handle);
  epoch_.fetch_add(1, std::memory_order_release);
}

bool TextureMap::find(uint64_t handle, Texture& out) const {
  const std::shared_lock lock(mutex_);
  const auto found = textures_.find(handle);
  if (found == textures_.end()) return false;
  out = found->second;
  return true;
}

const Texture* TextureCache::find(const TextureMap& map, uint64_t handle) {
  // Read before the object is: a change in between makes the entry look old, never new.
  const uint64_t epoch = map.epoch().load(std::memory_order_acquire);
  Entry* place = nullptr;
  for (Entry& entry : entries_) {
    if (entry.epoch == 0 || entry.handle != handle) continue;
    if (entry.epoch == epoch) return &entry.texture;
    place = &entry;
  }
  if (place == nullptr) {
    place = &entries_[next_];
    next_ = (next_ + 1) % kEntries;
  }
  place->handle = handle;
  place->epoch = map.find(handle, place->texture) ? epoch : 0;
  return place->epoch != 0 ? &place->texture : nullptr;
}

}  // namespace vgpu::soft
