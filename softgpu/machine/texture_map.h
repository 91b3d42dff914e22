// SPDX-License-Identifier: Apache-2.0
// TextureMap: the texture and surface objects that kernels of a device may use, by the 64-bit handle that programs pass
// to them. Whatever a kernel makes up finds nothing. Thread-safe: an object may change or go while a kernel runs, which
// then finds the old one, the new one or none, but never a mixture. `epoch` changes with every change, so that what was
// found can be kept.
#pragma once

#include <atomic>
#include <cstdint>
#include <shared_mutex>
#include <unordered_map>

#include "softgpu/machine/texture.h"

namespace vgpu::soft {

class TextureMap {
 public:
  void put(uint64_t handle, const Texture& texture);
  void remove(uint64_t handle);
  // False when there is none; `out` is then as it was.
  bool find(uint64_t handle, Texture& out) const;
  const std::atomic<uint64_t>& epoch() const { return epoch_; }

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<uint64_t, Texture> textures_;  // guarded by mutex_
  std::atomic<uint64_t> epoch_{1};
};

// What a block of threads found last. Belongs to the thread that runs the block.
class TextureCache {
 public:
  // nullptr when there is no such object.
  const Texture* find(const TextureMap& map, uint64_t handle);

 private:
  struct Entry {
    uint64_t handle = 0;
    uint64_t epoch = 0;  // 0: empty
    Texture texture;
  };
  static constexpr unsigned kEntries = 4;
  Entry entries_[kEntries];
  unsigned next_ = 0;
};

}  // namespace vgpu::soft
