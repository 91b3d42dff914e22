// SPDX-License-Identifier: Apache-2.0
// KeptLaunches: launches of one guest thread in one stream, one behind the other, that wait for what becomes of them.
// One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "host/worker/session.h"

namespace vgpu::host {

class KeptLaunches {
 public:
  using Clock = std::chrono::steady_clock;

  bool is_of(uint32_t thread) const { return launches_[0].thread == thread; }
  // Whether the command, which is this launch, could come next.
  bool fits(const CommandCopy& command, const wire::Launch& launch) const;
  // Whether the two streams are one, or have an order: the legacy stream's is everybody's.
  bool shares_order_with(const CommandCopy& command, const wire::Launch& launch) const;

  // Exchanges the command for an old one, whose buffer is used again.
  void add(CommandCopy& command, const wire::Launch& launch);
  // Whether a sequence ends here. That depends on the launches alone.
  bool is_complete() const;
  void clear() { count_ = 0; }

  std::span<const CommandCopy> launches() const { return std::span(launches_).first(count_); }
  // Of all that the launches are but their parameters.
  uint64_t key() const { return key_; }
  Clock::time_point last_added() const { return last_added_; }

 private:
  // The first launch of a kind that is one in eight ends a sequence, after so many; the GPU has something to do
  // meanwhile. A graph's own start costs the GPU half a microsecond.
  static constexpr size_t kLeast = 24, kMost = 64;

  std::vector<CommandCopy> launches_{kMost};  // the first count_
  size_t count_ = 0;
  uint64_t stream_ = 0, owner_ = 0;  // of all of them
  uint64_t key_ = 0, last_hash_ = 0;
  Clock::time_point last_added_;
};

}  // namespace vgpu::host
