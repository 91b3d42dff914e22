// SPDX-License-Identifier: Apache-2.0
#include "common/face/context_storage.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <new>
#include <vector>

namespace vgpu::face {
namespace {

struct Entry {
  CUcontext context;
  void* key;
  void* value;
  StorageDestructor destructor;
  bool is_dying;  // Its destructor is running.
};

struct Store {
  std::mutex mutex;
  // Guarded by mutex. In order of insertion. A handful per context: a search is cheaper than a hash.
  std::vector<Entry> entries;

  auto find(CUcontext context, void* key) {
    return std::find_if(entries.begin(), entries.end(),
                        [=](const Entry& entry) { return entry.context == context && entry.key == key; });
  }
};

// Never destroyed: runtimes remove their entries from exit handlers that run after this library's.
Store& store() {
  alignas(Store) static std::byte room[sizeof(Store)];
  static Store* const the_store = new (room) Store;
  return *the_store;
}

// Grows with every change of the store, so that a thread knows that what it remembers still holds. A change is
// published by the increment (release) and seen by find_storage (acquire): whoever was told of the change in any
// way reads a newer generation than the remembered one.
std::atomic<uint64_t> generation{1};

void note_change() { generation.fetch_add(1, std::memory_order_release); }

struct Remembered {
  CUcontext context;
  void* key;
  void* value;
  uint64_t generation;  // 0: empty.
};

// Enough for the copies of cudart that one program carries (seven in PyTorch).
constexpr size_t kRemembered = 16;
thread_local std::array<Remembered, kRemembered> remembered{};

Remembered& remembered_for(CUcontext context, void* key) {
  constexpr uint64_t kMix = 0x9E3779B97F4A7C15;  // Spreads neighbouring addresses (Fibonacci hashing).
  const uint64_t bits = (reinterpret_cast<uintptr_t>(context) ^ reinterpret_cast<uintptr_t>(key)) * kMix;
  return remembered[bits >> 60];
}
static_assert(kRemembered == 1u << 4, "remembered_for takes the upper four bits");

// Marks the newest entry of the context whose destructor has not been called yet.
std::optional<Entry> take_newest(CUcontext context) {
  Store& all = store();
  const std::lock_guard guard(all.mutex);
  const auto newest = std::find_if(all.entries.rbegin(), all.entries.rend(),
                                   [=](const Entry& entry) { return entry.context == context && !entry.is_dying; });
  if (newest == all.entries.rend()) return std::nullopt;
  newest->is_dying = true;
  return *newest;
}

}  // namespace

bool put_storage(CUcontext context, void* key, void* value, StorageDestructor destructor) {
  Store& all = store();
  const std::lock_guard guard(all.mutex);
  if (all.find(context, key) != all.entries.end()) return false;
  all.entries.push_back({context, key, value, destructor, false});
  note_change();
  return true;
}

bool remove_storage(CUcontext context, void* key) {
  Store& all = store();
  const std::lock_guard guard(all.mutex);
  const auto found = all.find(context, key);
  if (found == all.entries.end()) return false;
  all.entries.erase(found);
  note_change();
  return true;
}

std::optional<void*> find_storage(CUcontext context, void* key) {
  Remembered& memory = remembered_for(context, key);
  // Pairs with the increment in note_change.
  if (memory.generation == generation.load(std::memory_order_acquire) && memory.context == context && memory.key == key)
    return memory.value;
  Store& all = store();
  const std::lock_guard guard(all.mutex);
  const auto found = all.find(context, key);
  if (found == all.entries.end()) return std::nullopt;
  // The lock keeps changes out, so this generation belongs to what was found.
  memory = {context, key, found->value, generation.load(std::memory_order_relaxed)};
  return found->value;
}

void destroy_storage(CUcontext context) {
  // One at a time, because a destructor may put and remove other entries.
  while (const std::optional<Entry> entry = take_newest(context)) {
    if (entry->destructor != nullptr) entry->destructor(context, entry->key, entry->value);
    remove_storage(context, entry->key);
  }
}

}  // namespace vgpu::face
