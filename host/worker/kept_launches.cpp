// SPDX-License-Identifier: Apache-2.0
#include "host/worker/kept_launches.h"

#include <array>
#include <bit>
#include <utility>

#include "common/bits.h"
#include "host/worker/sequence_graph.h"
#include "vgpu/hand_wire.h"

namespace vgpu::host {
namespace {

constexpr uint64_t kOneInEight = 7;

constexpr uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 29;
}

uint64_t hash_of(const wire::Launch& launch) {
  static_assert(sizeof launch % sizeof(uint64_t) == 0);
  uint64_t hash = 0;
  for (const uint64_t word : std::bit_cast<std::array<uint64_t, sizeof launch / sizeof(uint64_t)>>(launch))
    hash = mixed(hash, word);
  return hash;
}

// A default stream that is some thread's own is nobody else's.
bool is_legacy(uint64_t stream, uint64_t owner) {
  return owner == 0 && (stream == 0 || stream == bits_of(CU_STREAM_LEGACY));
}

}  // namespace

bool KeptLaunches::fits(const CommandCopy& command, const wire::Launch& launch) const {
  const CommandCopy& first = launches_[0];
  return command.thread == first.thread && command.context == first.context && command.flags == first.flags &&
         launch.stream == stream_;
}

bool KeptLaunches::shares_order_with(const CommandCopy& command, const wire::Launch& launch) const {
  const uint64_t owner = owner_of(command, launch);
  if (is_legacy(launch.stream, owner) || is_legacy(stream_, owner_)) return true;
  return launch.stream == stream_ && owner == owner_;
}

void KeptLaunches::add(CommandCopy& command, const wire::Launch& launch) {
  if (count_ == 0) {
    stream_ = launch.stream;
    owner_ = owner_of(command, launch);
    key_ = mixed(command.context, owner_);
  }
  last_hash_ = hash_of(launch);
  key_ = mixed(key_, last_hash_);
  std::swap(launches_[count_++], command);
  last_added_ = Clock::now();
}

bool KeptLaunches::is_complete() const {
  return count_ == kMost || (count_ >= kLeast && (last_hash_ >> 32 & kOneInEight) == 0);
}

}  // namespace vgpu::host
