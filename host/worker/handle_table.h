// SPDX-License-Identifier: Apache-2.0
// HandleTable: what the session's handles stand for. Handles are typed and carry a generation, so a stale or foreign
// one is never taken for something else. Things that die with their owner (functions with their module, nodes with
// their graph) are children of it and become invalid with it.
// resolve() and is_silent() are lock-free; everything else takes the mutex. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/handle.h"

namespace vgpu::host {

class HandleTable {
 public:
  HandleTable();

  // The driver's handle, or false. A kernel is accepted as a function, as the driver accepts it.
  bool resolve(Kind kind, uint64_t wire, uint64_t& real) const;
  // The handle's owner, 0 when it has none.
  uint64_t parent_of(uint64_t wire) const;

  // Modules and libraries whose code cannot print; what was and will be found in them is silent, too.
  void set_silent(uint64_t wire);
  bool is_silent(uint64_t wire) const;

  // The driver's handles of what belongs to `wire` and is of this kind; false when there are more than `limit`.
  bool children(uint64_t wire, Kind kind, size_t limit, std::vector<uint64_t>& out) const;

  // Mints a handle; 0 when the table is full.
  uint64_t add(Kind kind, uint64_t real, uint64_t parent);
  uint64_t find_or_add(Kind kind, uint64_t real, uint64_t parent);
  // Handles for what the guest will make, so that it need not wait to be told them: as many as there is room for, the
  // unused ones of before included in what is too many. Each is dead until it is bound, and can be bound once.
  std::vector<uint64_t> reserve(Kind kind, size_t count);
  bool is_reserved(uint64_t wire) const;
  // False when the handle is not reserved.
  bool bind(uint64_t wire, uint64_t real, uint64_t parent);
  // What it was meant for could not be made.
  void give_up(uint64_t wire);

  // The newest handle of something of the driver's, 0 when it has none.
  uint64_t handle_of(Kind kind, uint64_t real) const;
  // Forgets the handle and, recursively, its children.
  void drop(uint64_t wire);

  // Primary contexts have handles of their own (common/handle.h); their real handle comes and goes.
  void set_primary(int device, uint64_t real);

  size_t live() const { return live_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    std::atomic<uint64_t> handle{0};
    std::atomic<uint64_t> real{0};
    std::atomic<bool> silent{false};
    uint64_t parent = 0;
    uint32_t generation = 1;
    std::vector<uint64_t> children;
  };
  static constexpr uint32_t kPageEntries = 1024;
  static constexpr size_t kMostReserved = 4096;
  struct Page {
    std::array<Entry, kPageEntries> entry;
  };

  Entry* find(uint64_t wire) const;
  Entry* entry_at(uint32_t index);
  // Index 0, which is a primary context's, when the table is full.
  uint32_t take_index();
  void retire_index(uint32_t index);
  void fill(uint64_t wire, uint64_t real, uint64_t parent);
  uint64_t insert(Kind kind, uint64_t real, uint64_t parent);
  void erase(uint64_t wire);

  std::array<std::atomic<Page*>, (handle::kMaxIndex + 1) / kPageEntries> page_ = {};
  std::atomic<size_t> live_{0};
  // Guards everything below, and the non-atomic fields of the entries.
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Page>> owned_pages_;
  std::vector<uint32_t> free_;
  std::unordered_set<uint64_t> reserved_;
  uint32_t next_index_ = handle::kPrimaryContexts;
  std::array<std::unordered_map<uint64_t, uint64_t>, static_cast<size_t>(Kind::count_)> by_real_;
};

}  // namespace vgpu::host
