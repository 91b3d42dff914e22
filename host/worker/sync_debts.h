// SPDX-License-Identifier: Apache-2.0
// SyncDebts: what the driver's own call that waits does for a program beyond the wait: it brings the text of kernels,
// and pools give memory back (CUDA driver API: CU_MEMPOOL_ATTR_RELEASE_THRESHOLD). Where neither is due, a program that
// waits is answered as soon as the device is seen to be done, and the call is not made. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

namespace vgpu::host {

class SyncDebts {
 public:
  // Whether a call that waits must be made.
  bool any() const { return owes_text() || uses_pools(); }
  // Whether anything was launched so far that may have printed.
  bool may_have_printed() const { return now_.load(std::memory_order_relaxed) != 0; }

  // Whether some of it is still to be waited for.
  bool owes_text() const { return streams_.load(std::memory_order_acquire) != 0; }

  // Something that may print is about to be given to the driver's stream.
  void may_print(uint64_t context, uint64_t stream);
  void use_pool() { uses_pools_.store(true, std::memory_order_relaxed); }
  bool uses_pools() const { return uses_pools_.load(std::memory_order_relaxed); }

  // Before the driver waits; then, when it has, what was due by then is not any more.
  uint64_t now() const { return now_.load(std::memory_order_relaxed); }
  void settle_stream(uint64_t context, uint64_t stream, uint64_t before);
  void settle_context(uint64_t context, uint64_t before);
  void forget_context(uint64_t context) { settle_context(context, ~uint64_t{0}); }

 private:
  std::atomic<uint64_t> now_{0};  // launches that may print
  std::atomic<size_t> streams_{0};
  std::atomic<bool> uses_pools_{false};
  std::mutex mutex_;                                        // guards last_
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> last_;  // by context and stream: the last such launch
};

}  // namespace vgpu::host
