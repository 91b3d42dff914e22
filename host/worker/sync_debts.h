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
  bool any() const { return owes_text() || owes_memory(); }
  // Whether anything was launched so far that may have printed.
  bool may_have_printed() const { return may_have_printed_.load(std::memory_order_relaxed); }

  // Something that may print is about to become a node of a graph. Which graph is not kept: all of them may, then.
  void graphs_may_print() { graphs_may_print_.store(true, std::memory_order_relaxed); }
  // A graph is about to be given to the driver's stream.
  void graph_launched(uint64_t context, uint64_t stream) {
    if (graphs_may_print_.load(std::memory_order_relaxed)) may_print(context, stream);
  }

  // Whether some of it is still to be waited for.
  bool owes_text() const { return text_.streams.load(std::memory_order_acquire) != 0; }
  bool uses_pools() const { return uses_pools_.load(std::memory_order_relaxed); }
  bool owes_memory() const { return memory_.streams.load(std::memory_order_acquire) != 0; }

  // Something that may print is about to be given to the driver's stream.
  void may_print(uint64_t context, uint64_t stream);
  // A pool's memory is about to be given back to it, or taken, in the driver's stream.
  void pool_changes(uint64_t context, uint64_t stream);
  // Or without a stream's order: whichever stream is waited for, the pool gives memory back.
  void pool_changes_now(uint64_t context) { note(memory_, {context, kAnyStream}); }

  // Before the driver waits; then, when it has, what was due by then is not any more.
  uint64_t now() const { return now_.load(std::memory_order_relaxed); }
  void settle_stream(uint64_t context, uint64_t stream, uint64_t before);
  void settle_context(uint64_t context, uint64_t before);
  void forget_context(uint64_t context) { settle_context(context, ~uint64_t{0}); }

 private:
  static constexpr uint64_t kAnyStream = ~uint64_t{0};
  using Place = std::pair<uint64_t, uint64_t>;  // context and stream
  struct Book {
    std::map<Place, uint64_t> last;  // what was noted there last
    std::atomic<size_t> streams{0};
  };

  // CUDA's special handles: 0, the default stream, is 1, the legacy one, here.
  static uint64_t key_of(uint64_t stream) { return stream == 0 ? 1 : stream; }
  void note(Book& book, const Place& place);
  template <class Settled>
  void settle(Settled settled);

  std::atomic<uint64_t> now_{0};  // notes so far
  std::atomic<bool> may_have_printed_{false}, graphs_may_print_{false}, uses_pools_{false};
  std::mutex mutex_;  // guards the books' maps
  Book text_, memory_;
};

}  // namespace vgpu::host
