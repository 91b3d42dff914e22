// SPDX-License-Identifier: Apache-2.0
#include "host/worker/handle_table.h"

#include <algorithm>
#include <utility>

namespace vgpu::host {
namespace {

bool can_be_silent(uint64_t wire) {
  return handle::kind_of(wire) == Kind::function || handle::kind_of(wire) == Kind::kernel;
}

}  // namespace

HandleTable::HandleTable() {
  const std::lock_guard lock(mutex_);
  for (uint32_t device = 0; device < handle::kPrimaryContexts; ++device) entry_at(device);
}

HandleTable::Entry* HandleTable::find(uint64_t wire) const {
  if (wire == 0) return nullptr;  // What a free entry holds.
  const uint32_t index = handle::index_of(wire);
  Page* page = page_[index / kPageEntries].load(std::memory_order_acquire);
  if (page == nullptr) return nullptr;
  Entry& entry = page->entry[index % kPageEntries];
  return entry.handle.load(std::memory_order_acquire) == wire ? &entry : nullptr;
}

HandleTable::Entry* HandleTable::entry_at(uint32_t index) {
  std::atomic<Page*>& page = page_[index / kPageEntries];
  if (page.load(std::memory_order_relaxed) == nullptr) {
    owned_pages_.push_back(std::make_unique<Page>());
    page.store(owned_pages_.back().get(), std::memory_order_release);
  }
  return &page.load(std::memory_order_relaxed)->entry[index % kPageEntries];
}

bool HandleTable::resolve(Kind kind, uint64_t wire, uint64_t& real) const {
  const Kind actual = handle::kind_of(wire);
  if (actual != kind && !(kind == Kind::function && actual == Kind::kernel)) return false;
  Entry* entry = find(wire);
  if (entry == nullptr) return false;
  real = entry->real.load(std::memory_order_acquire);
  // The entry may have been dropped and reused in between; then its handle has another generation.
  return entry->handle.load(std::memory_order_acquire) == wire;
}

uint64_t HandleTable::parent_of(uint64_t wire) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(wire);
  return entry == nullptr ? 0 : entry->parent;
}

uint32_t HandleTable::take_index() {
  if (!free_.empty()) {
    const uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  return next_index_ > handle::kMaxIndex ? 0 : next_index_++;
}

// An index whose generations are used up stays retired: a stale handle must never match again.
void HandleTable::retire_index(uint32_t index) {
  Entry* entry = entry_at(index);
  if (entry->generation == handle::kMaxGeneration) return;
  ++entry->generation;
  free_.push_back(index);
}

void HandleTable::fill(uint64_t wire, uint64_t real, uint64_t parent) {
  Entry* entry = entry_at(handle::index_of(wire));
  entry->parent = parent;
  entry->silent.store(can_be_silent(wire) && is_silent(parent), std::memory_order_relaxed);
  entry->real.store(real, std::memory_order_release);
  entry->handle.store(wire, std::memory_order_release);
  if (Entry* owner = parent == 0 ? nullptr : find(parent); owner != nullptr) owner->children.push_back(wire);
  by_real_[static_cast<size_t>(handle::kind_of(wire))][real] = wire;
  live_.fetch_add(1, std::memory_order_relaxed);
}

uint64_t HandleTable::insert(Kind kind, uint64_t real, uint64_t parent) {
  const uint32_t index = take_index();
  if (index == 0) return 0;
  const uint64_t wire = handle::make(kind, index, entry_at(index)->generation);
  fill(wire, real, parent);
  return wire;
}

std::vector<uint64_t> HandleTable::reserve(Kind kind, size_t count) {
  const std::lock_guard lock(mutex_);
  std::vector<uint64_t> wires;
  while (wires.size() < count && reserved_.size() < kMostReserved) {
    const uint32_t index = take_index();
    if (index == 0) break;
    wires.push_back(handle::make(kind, index, entry_at(index)->generation));
    reserved_.insert(wires.back());
  }
  return wires;
}

bool HandleTable::is_reserved(uint64_t wire) const {
  const std::lock_guard lock(mutex_);
  return reserved_.contains(wire);
}

bool HandleTable::bind(uint64_t wire, uint64_t real, uint64_t parent) {
  const std::lock_guard lock(mutex_);
  if (reserved_.erase(wire) == 0) return false;
  fill(wire, real, parent);
  return true;
}

void HandleTable::give_up(uint64_t wire) {
  const std::lock_guard lock(mutex_);
  if (reserved_.erase(wire) != 0) retire_index(handle::index_of(wire));
}

// Under the mutex, so that a function found meanwhile is either among the children or sees its owner silent.
void HandleTable::set_silent(uint64_t wire) {
  const std::lock_guard lock(mutex_);
  Entry* const entry = find(wire);
  if (entry == nullptr) return;
  entry->silent.store(true, std::memory_order_relaxed);
  for (const uint64_t child : entry->children)
    if (can_be_silent(child)) entry_at(handle::index_of(child))->silent.store(true, std::memory_order_relaxed);
}

bool HandleTable::is_silent(uint64_t wire) const {
  const Entry* const entry = find(wire);
  return entry != nullptr && entry->silent.load(std::memory_order_relaxed);
}

bool HandleTable::children(uint64_t wire, Kind kind, size_t limit, std::vector<uint64_t>& out) const {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(wire);
  if (entry == nullptr) return true;
  // Other children are few compared with the calls that ask, except in programs with many events.
  for (const uint64_t child : entry->children) {
    if (handle::kind_of(child) != kind) continue;
    if (out.size() == limit) return false;
    if (const Entry* found = find(child); found != nullptr) out.push_back(found->real.load(std::memory_order_relaxed));
  }
  return true;
}

uint64_t HandleTable::add(Kind kind, uint64_t real, uint64_t parent) {
  const std::lock_guard lock(mutex_);
  return insert(kind, real, parent);
}

uint64_t HandleTable::find_or_add(Kind kind, uint64_t real, uint64_t parent) {
  const std::lock_guard lock(mutex_);
  const auto& known = by_real_[static_cast<size_t>(kind)];
  const auto found = known.find(real);
  return found != known.end() ? found->second : insert(kind, real, parent);
}

uint64_t HandleTable::handle_of(Kind kind, uint64_t real) const {
  const std::lock_guard lock(mutex_);
  const auto& known = by_real_[static_cast<size_t>(kind)];
  const auto found = known.find(real);
  return found != known.end() ? found->second : 0;
}

void HandleTable::drop(uint64_t wire) {
  const std::lock_guard lock(mutex_);
  erase(wire);
}

void HandleTable::erase(uint64_t wire) {
  Entry* entry = find(wire);
  if (entry == nullptr || handle::index_of(wire) < handle::kPrimaryContexts) return;
  entry->handle.store(0, std::memory_order_release);
  auto& known = by_real_[static_cast<size_t>(handle::kind_of(wire))];
  const auto found = known.find(entry->real.load(std::memory_order_relaxed));
  if (found != known.end() && found->second == wire) known.erase(found);
  live_.fetch_sub(1, std::memory_order_relaxed);
  const std::vector<uint64_t> children = std::exchange(entry->children, {});
  if (Entry* owner = entry->parent == 0 ? nullptr : find(entry->parent); owner != nullptr) {
    // Most children are dropped newest first, so searching from the end is short.
    auto& siblings = owner->children;
    const auto at = std::find(siblings.rbegin(), siblings.rend(), wire);
    if (at != siblings.rend()) siblings.erase(std::next(at).base());
  }
  for (const uint64_t child : children) erase(child);
  retire_index(handle::index_of(wire));
}

void HandleTable::set_primary(int device, uint64_t real) {
  const std::lock_guard lock(mutex_);
  const uint64_t wire = handle::primary_context(device);
  Entry* entry = entry_at(static_cast<uint32_t>(device));
  auto& known = by_real_[static_cast<size_t>(Kind::context)];
  const uint64_t old = entry->real.load(std::memory_order_relaxed);
  if (old != 0) known.erase(old);
  const std::vector<uint64_t> children = real == 0 ? std::exchange(entry->children, {}) : std::vector<uint64_t>();
  entry->real.store(real, std::memory_order_release);
  entry->handle.store(real == 0 ? 0 : wire, std::memory_order_release);
  if (real != 0) known[real] = wire;
  for (const uint64_t child : children) erase(child);
}

}  // namespace vgpu::host
