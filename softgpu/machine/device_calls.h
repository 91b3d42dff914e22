// SPDX-License-Identifier: Apache-2.0
// What the calls of the device runtime have in common: errors, which a thread remembers, and results behind pointers.
// For the handlers of such calls; on the thread that runs the warp.
#pragma once

#include <cstring>

#include "softgpu/machine/block.h"
#include "softgpu/machine/builtin.h"
#include "softgpu/machine/memory.h"

namespace vgpu::soft {

// Of cudaError_t.
inline constexpr int kInvalidValue = 1, kMemoryAllocation = 2, kInvalidConfiguration = 9, kInvalidPitch = 12,
                     kPendingCountExceeded = 69, kInvalidDeviceFunction = 98, kInvalidDevice = 101,
                     kInvalidResourceHandle = 400;

inline DeviceLaunches& launches_of(Warp& warp) { return warp.block->launch().launches; }

inline uint64_t thread_of(Warp& warp, unsigned lane) {
  const LaunchState& launch = warp.block->launch();
  const Dim3& at = warp.block->position();
  const uint64_t block = at.x + uint64_t{launch.grid.x} * (at.y + uint64_t{launch.grid.y} * at.z);
  return block * launch.threads_per_block() + warp.index * kLanes + lane;
}

// The call's result, which the thread remembers when it is an error.
inline void finish(Warp& warp, const CallSite& site, unsigned lane, int error) {
  if (error != 0) launches_of(warp).set_error(thread_of(warp, lane), error);
  set_result<int32_t>(warp, site, lane, error);
}

// A call that returns an error: `action(lane, site)` for each lane.
template <class F>
void each(Warp& warp, LaneMask mask, const CallSite& site, F action) {
  for_each_lane_until_fault(warp, mask, [&](unsigned lane) {
    const int error = action(lane, site);
    if (!warp.stopped) finish(warp, site, lane, error);
  });
}

// Writes a result to where an argument points. False after a fault.
template <class T>
bool store(Warp& warp, const Instruction& instruction, unsigned lane, uint64_t where, T value) {
  std::byte* const bytes = resolve(warp, instruction, lane, Space::generic, where, sizeof value, true);
  if (bytes != nullptr) std::memcpy(bytes, &value, sizeof value);
  return bytes != nullptr;
}

// Structs: their words one after the other, since the memory that holds them is no more aligned than they are. Generic
// addresses; false after a fault.
template <class T>
bool store_struct(Warp& warp, const Instruction& instruction, unsigned lane, uint64_t where, const T& value) {
  static_assert(alignof(T) == 8 && sizeof(T) % 8 == 0);
  for (size_t at = 0; at < sizeof value; at += 8) {
    uint64_t word;
    std::memcpy(&word, reinterpret_cast<const std::byte*>(&value) + at, sizeof word);
    if (!store(warp, instruction, lane, where + at, word)) return false;
  }
  return true;
}

template <class T>
bool load_struct(Warp& warp, const Instruction& instruction, unsigned lane, uint64_t where, T* value) {
  static_assert(alignof(T) == 8 && sizeof(T) % 8 == 0);
  for (size_t at = 0; at < sizeof *value; at += 8) {
    const std::byte* const word = resolve(warp, instruction, lane, Space::generic, where + at, 8, false);
    if (word == nullptr) return false;
    std::memcpy(reinterpret_cast<std::byte*>(value) + at, word, 8);
  }
  return true;
}

// The handler of __cudaCDP2<name> for questions about devices and errors, or nullptr.
Handler find_question_builtin(std::string_view name);

}  // namespace vgpu::soft
