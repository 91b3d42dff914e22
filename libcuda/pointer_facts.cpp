// SPDX-License-Identifier: Apache-2.0
// CUDA driver API: Unified Addressing.
#include "libcuda/pointer_facts.h"

#include <algorithm>
#include <iterator>

namespace vgpu::guest {
namespace {

constexpr std::array kKept = {
    CU_POINTER_ATTRIBUTE_CONTEXT,      CU_POINTER_ATTRIBUTE_MEMORY_TYPE,      CU_POINTER_ATTRIBUTE_DEVICE_POINTER,
    CU_POINTER_ATTRIBUTE_HOST_POINTER, CU_POINTER_ATTRIBUTE_IS_MANAGED,       CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
    CU_POINTER_ATTRIBUTE_RANGE_SIZE,   CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
};

size_t index_of(CUpointer_attribute attribute) {
  return static_cast<size_t>(std::find(kKept.begin(), kKept.end(), attribute) - kKept.begin());
}

// These are kept as the distance from the address that was asked about.
bool goes_along(CUpointer_attribute attribute) {
  return attribute == CU_POINTER_ATTRIBUTE_DEVICE_POINTER || attribute == CU_POINTER_ATTRIBUTE_HOST_POINTER;
}

}  // namespace

bool AllocationFacts::keeps(CUpointer_attribute attribute) { return index_of(attribute) < kKept.size(); }

PointerFact AllocationFacts::find(CUpointer_attribute attribute, uint64_t address) const {
  static_assert(std::tuple_size_v<decltype(facts_)> == kKept.size());
  const size_t index = index_of(attribute);
  if (index == kKept.size()) return {};
  PointerFact fact = facts_[index];
  if (goes_along(attribute) && fact.state == PointerFact::State::known) fact.value += address;
  return fact;
}

void AllocationFacts::set(CUpointer_attribute attribute, uint64_t address, PointerFact fact) {
  const size_t index = index_of(attribute);
  if (index == kKept.size()) return;
  if (goes_along(attribute)) fact.value -= address;
  facts_[index] = fact;
}

template <class Allocations>
auto* PointerFacts::containing(Allocations& allocations, uint64_t address) {
  const auto after = allocations.upper_bound(address);
  if (after == allocations.begin()) return static_cast<decltype(&after->second)>(nullptr);
  const auto found = std::prev(after);
  return address - found->first < found->second.bytes ? &found->second : nullptr;
}

void PointerFacts::add(uint64_t address, uint64_t bytes, const AllocationFacts& facts) {
  if (address == 0 || bytes == 0) return;
  const std::lock_guard lock(mutex_);
  allocations_[address] = {bytes, facts};
}

void PointerFacts::remove(uint64_t address) {
  const std::lock_guard lock(mutex_);
  allocations_.erase(address);
}

void PointerFacts::clear() {
  const std::lock_guard lock(mutex_);
  allocations_.clear();
}

std::optional<AllocationFacts> PointerFacts::find(uint64_t address) const {
  const std::shared_lock lock(mutex_);
  const Allocation* const found = containing(allocations_, address);
  return found == nullptr ? std::nullopt : std::optional(found->facts);
}

void PointerFacts::learn(uint64_t address, CUpointer_attribute attribute, PointerFact fact) {
  const std::lock_guard lock(mutex_);
  if (Allocation* const found = containing(allocations_, address)) found->facts.set(attribute, address, fact);
}

}  // namespace vgpu::guest
