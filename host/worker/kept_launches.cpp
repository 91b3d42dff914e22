// SPDX-License-Identifier: Apache-2.0
#include "host/worker/kept_launches.h"

#include <cstring>
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

uint64_t hash_of(const CommandCopy& launch) {
  uint64_t words[sizeof(wire::Launch) / sizeof(uint64_t)];
  std::memcpy(words, launch.payload.data(), sizeof words);
  uint64_t hash = 0;
  for (const uint64_t word : words) hash = mixed(hash, word);
  return hash;
}
static_assert(sizeof(wire::Launch) % sizeof(uint64_t) == 0);

uint64_t stream_of(const CommandCopy& launch) { return launch_of(launch).stream; }

// A default stream that is some thread's own is nobody else's.
bool is_legacy(const CommandCopy& launch) {
  return owner_of(launch) == 0 && (stream_of(launch) == 0 || stream_of(launch) == bits_of(CU_STREAM_LEGACY));
}

}  // namespace

bool KeptLaunches::fits(const CommandCopy& launch) const {
  const CommandCopy& first = launches_[0];
  return launch.thread == first.thread && launch.context == first.context && launch.flags == first.flags &&
         stream_of(launch) == stream_of(first);
}

bool KeptLaunches::shares_order_with(const CommandCopy& launch) const {
  const CommandCopy& first = launches_[0];
  if (is_legacy(launch) || is_legacy(first)) return true;
  return stream_of(launch) == stream_of(first) && owner_of(launch) == owner_of(first);
}

void KeptLaunches::add(CommandCopy& launch) {
  last_hash_ = hash_of(launch);
  key_ = mixed(count_ == 0 ? mixed(launch.context, owner_of(launch)) : key_, last_hash_);
  std::swap(launches_[count_++], launch);
  last_added_ = Clock::now();
}

bool KeptLaunches::is_complete() const {
  return count_ == kMost || (count_ >= kLeast && (last_hash_ >> 32 & kOneInEight) == 0);
}

}  // namespace vgpu::host
