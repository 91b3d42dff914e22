// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/object.h"

#include <array>
#include <deque>
#include <memory>
#include <mutex>

namespace vgpu::soft {
namespace {

// A handle is generation << 28 | index << 4: never one of CUDA's special small values, and unequal to the slot's
// earlier handles.
constexpr unsigned kIndexShift = 4;
constexpr unsigned kIndexBits = 24;
constexpr unsigned kGenerationShift = kIndexShift + kIndexBits;
constexpr uint32_t kSlotsPerChunk = 4096;
constexpr uint32_t kChunks = (1u << kIndexBits) / kSlotsPerChunk;

struct Slot {
  std::atomic_flag busy = ATOMIC_FLAG_INIT;  // guards the fields below, held for a few instructions
  uint64_t handle = 0;
  Object* object = nullptr;

  void lock() {
    while (busy.test_and_set(std::memory_order_acquire)) busy.wait(true, std::memory_order_relaxed);
  }
  void unlock() {
    busy.clear(std::memory_order_release);
    busy.notify_one();
  }
};

class Table {
 public:
  static Table& get() {
    static Table& table = *new Table;  // Lives as long as the process: handles are used during exit, too.
    return table;
  }

  uint64_t insert(const Ref<Object>& object) {
    const std::lock_guard lock(mutex_);
    uint32_t index;
    if (free_.size() > kReuseDelay || (used_ == kChunks * kSlotsPerChunk && !free_.empty())) {
      index = free_.front();
      free_.pop_front();
    } else if (used_ < kChunks * kSlotsPerChunk) {
      index = used_++;
      if (index % kSlotsPerChunk == 0)
        chunks_[index / kSlotsPerChunk].store(new Slot[kSlotsPerChunk], std::memory_order_release);
    } else {
      return 0;
    }
    const uint64_t handle = (++generation_ << kGenerationShift) | (uint64_t{index} << kIndexShift);
    Slot& slot = *find_slot(handle);
    object->retain();
    const std::lock_guard slot_lock(slot);
    slot.handle = handle;
    slot.object = object.get();
    return handle;
  }

  Slot* find_slot(uint64_t handle) {
    const uint64_t index = (handle >> kIndexShift) & ((1u << kIndexBits) - 1);
    Slot* chunk = chunks_[index / kSlotsPerChunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : chunk + index % kSlotsPerChunk;
  }

  Object* remove(uint64_t handle, Kind kind) {
    Slot* slot = find_slot(handle);
    if (slot == nullptr || handle == 0) return nullptr;
    Object* object;
    {
      const std::lock_guard slot_lock(*slot);
      if (slot->handle != handle || slot->object->kind() != kind) return nullptr;
      object = std::exchange(slot->object, nullptr);
      slot->handle = 0;
    }
    const std::lock_guard lock(mutex_);
    free_.push_back(static_cast<uint32_t>((handle >> kIndexShift) & ((1u << kIndexBits) - 1)));
    return object;
  }

 private:
  // Slots rest in the queue before they are used again, so stale handles rarely even meet a live slot.
  static constexpr size_t kReuseDelay = 1024;

  std::mutex mutex_;  // guards the three below; taken before a slot's lock
  std::deque<uint32_t> free_;
  uint32_t used_ = 0;
  uint64_t generation_ = 0;
  std::array<std::atomic<Slot*>, kChunks> chunks_{};
};

}  // namespace

uint64_t publish(const Ref<Object>& object) {
  object->handle_ = Table::get().insert(object);
  return object->handle_;
}

bool retire(uint64_t handle, Kind kind) {
  Object* object = Table::get().remove(handle, kind);
  if (object == nullptr) return false;
  object->release();
  return true;
}

Ref<Object> find_object(uint64_t handle, Kind kind) {
  Slot* slot = Table::get().find_slot(handle);
  if (slot == nullptr || handle == 0) return {};
  const std::lock_guard lock(*slot);
  if (slot->handle != handle || slot->object->kind() != kind) return {};
  return Ref<Object>(slot->object);
}

}  // namespace vgpu::soft
