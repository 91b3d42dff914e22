// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/names.h"

#include <cstddef>
#include <cstring>

namespace vgpu::soft::ptx {
namespace {

uint64_t hash_name(std::string_view name) {
  uint64_t hash = name.size() * 0x9E3779B97F4A7C15U;
  size_t i = 0;
  for (; i + 8 <= name.size(); i += 8) {
    uint64_t chunk = 0;
    std::memcpy(&chunk, name.data() + i, 8);
    hash = (hash ^ chunk) * 0xD6E8FEB86659FD93U;
    hash ^= hash >> 32;
  }
  uint64_t rest = 0;
  std::memcpy(&rest, name.data() + i, name.size() - i);
  hash = (hash ^ rest) * 0xD6E8FEB86659FD93U;
  return hash ^ hash >> 32;
}

}  // namespace

// The slot that holds the name, or the free one where it belongs. A third of the slots is always free.
uint32_t NameTable::find_slot(std::string_view name) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = hash_name(name) & mask;
  while (slots_[slot].name.data() != nullptr && slots_[slot].name != name) slot = (slot + 1) & mask;
  return static_cast<uint32_t>(slot);
}

const Binding* NameTable::find(std::string_view name) const {
  const Slot& slot = slots_[find_slot(name)];
  return slot.head == UINT32_MAX ? nullptr : &entries_[slot.head].binding;
}

bool NameTable::declare(std::string_view name, Binding binding) {
  if (used_.size() * 3 >= slots_.size() * 2) grow();
  const uint32_t number = find_slot(name);
  Slot& slot = slots_[number];
  binding.scope = depth();
  if (slot.head != UINT32_MAX && entries_[slot.head].binding.scope == binding.scope) return false;
  if (slot.name.data() == nullptr) {
    slot.name = name;
    used_.push_back(number);
  }
  entries_.push_back({binding, number, slot.head});
  slot.head = static_cast<uint32_t>(entries_.size() - 1);
  return true;
}

void NameTable::close_scope() {
  const uint32_t keep = scopes_.back();
  scopes_.pop_back();
  while (entries_.size() > keep) {
    slots_[entries_.back().slot].head = entries_.back().hidden;
    entries_.pop_back();
  }
}

void NameTable::clear() {
  for (uint32_t slot : used_) slots_[slot] = Slot{};
  used_.clear();
  entries_.clear();
  scopes_.clear();
}

void NameTable::grow() {
  const std::vector<Slot> old = std::move(slots_);
  slots_ = std::vector<Slot>(old.size() * 2);
  for (uint32_t& number : used_) {
    const Slot& slot = old[number];
    number = find_slot(slot.name);
    slots_[number] = slot;
  }
  for (uint32_t number : used_) {
    for (uint32_t entry = slots_[number].head; entry != UINT32_MAX; entry = entries_[entry].hidden) {
      entries_[entry].slot = number;
    }
  }
}

}  // namespace vgpu::soft::ptx
