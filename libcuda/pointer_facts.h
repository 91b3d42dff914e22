// SPDX-License-Identifier: Apache-2.0
// PointerFacts: what the driver answers about the addresses of this program's allocations and does not change while
// they live, so that questions about them need not cross. Some of it follows from how the memory was allocated; the
// rest is what the driver said the first time. Facts hold for questions in the context that was current when the memory
// was allocated: another one may reach it by other means. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>

#include "common/face/cuda_api.h"

namespace vgpu::guest {

struct PointerFact {
  enum class State : uint8_t { unknown, refused, known };
  State state = State::unknown;
  uint64_t value = 0;
};

// The facts of one allocation.
class AllocationFacts {
 public:
  // Whether an attribute is the same for all addresses of an allocation, or goes along with them, for as long as it
  // lives. BUFFER_ID would be, too; who asks for it wants to hear from the driver whether the memory is still the same.
  static bool keeps(CUpointer_attribute attribute);

  PointerFact find(CUpointer_attribute attribute, uint64_t address) const;
  // Nothing happens for an attribute that is not kept.
  void set(CUpointer_attribute attribute, uint64_t address, PointerFact fact);

  uint64_t context = 0;  // the handle of the one that was current
  bool pooled = false;   // comes from a memory pool, whose place and accessibility are the pool's affair

 private:
  std::array<PointerFact, 8> facts_;
};

class PointerFacts {
 public:
  // Facts of an earlier allocation at this address are gone.
  void add(uint64_t address, uint64_t bytes, const AllocationFacts& facts);
  // The allocation that begins there, if there is one.
  void remove(uint64_t address);
  // All of them: a context died, and its memory with it.
  void clear();

  // The facts of the allocation that contains the address.
  std::optional<AllocationFacts> find(uint64_t address) const;
  void learn(uint64_t address, CUpointer_attribute attribute, PointerFact fact);

 private:
  struct Allocation {
    uint64_t bytes = 0;
    AllocationFacts facts;
  };
  using Map = std::map<uint64_t, Allocation>;
  template <class Allocations>
  static auto* containing(Allocations& allocations, uint64_t address);

  mutable std::shared_mutex mutex_;  // guards allocations_
  Map allocations_;                  // by address
};

}  // namespace vgpu::guest
