// SPDX-License-Identifier: Apache-2.0
// MarkerTrials: whether a wait by a marker is worth a try. The worker refuses one where the driver's own call does more
// than wait, because of what kernels print or pools hold: once, or each time. So after a refusal one wait does without,
// and twice as many after each further one. Any thread, without locks; a wait too many or too few does no harm.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace vgpu::guest {

class MarkerTrials {
 public:
  // Asked once for each wait.
  bool wants_one() {
    const uint32_t left = left_out_.load(std::memory_order_relaxed);
    if (left != 0) left_out_.store(left - 1, std::memory_order_relaxed);
    return left == 0;
  }
  void refused() {
    const uint32_t now = next_.load(std::memory_order_relaxed);
    left_out_.store(now, std::memory_order_relaxed);
    next_.store(std::min(2 * now, kMost), std::memory_order_relaxed);
  }
  void written() {
    if (next_.load(std::memory_order_relaxed) != 1) next_.store(1, std::memory_order_relaxed);
  }

 private:
  static constexpr uint32_t kMost = 64;

  std::atomic<uint32_t> left_out_{0}, next_{1};
};

}  // namespace vgpu::guest
