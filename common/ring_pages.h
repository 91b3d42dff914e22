// SPDX-License-Identifier: Apache-2.0
// RingPages: has the kernel map pages of the command ring before a command is there, in time that its owner spends
// waiting anyway. A page that nobody has touched costs its first user as much as ten launches; a program that launches
// a few hundred times would pay for one with every twentieth. Each side has its own. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

#include "common/session_memory.h"

namespace vgpu {

class RingPages {
 public:
  // A command that begins near the end of the ring goes on behind it.
  static constexpr uint32_t kAll = (ring::kRingBytes + 2 * ring::kMaxInline) / ring::kPage;

  // `ahead`: how many pages from the ring's present position on. `memory` outlives this.
  RingPages(const SessionMemory& memory, uint32_t ahead) : memory_(memory), ahead_(ahead) {}

  // Maps one page more, unless all are that commands may soon come to from this position of the ring: then false.
  bool map_next(uint64_t position) {
    const uint32_t next = next_.load(std::memory_order_relaxed);
    return next < kAll && map_after(next, position);
  }

 private:
  bool map_after(uint32_t next, uint64_t position);

  const SessionMemory& memory_;
  const uint32_t ahead_;
  std::atomic<uint32_t> next_{0};
};

}  // namespace vgpu
