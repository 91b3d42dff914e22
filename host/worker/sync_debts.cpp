// SPDX-License-Identifier: Apache-2.0
#include "host/worker/sync_debts.h"

namespace vgpu::host {
namespace {

// CUDA's special handles: 0, the default stream, is 1, the legacy one, here.
uint64_t key_of(uint64_t stream) { return stream == 0 ? 1 : stream; }

}  // namespace

void SyncDebts::may_print(uint64_t context, uint64_t stream) {
  const std::lock_guard lock(mutex_);
  last_[{context, key_of(stream)}] = now_.fetch_add(1, std::memory_order_relaxed) + 1;
  streams_.store(last_.size(), std::memory_order_release);
}

void SyncDebts::settle_stream(uint64_t context, uint64_t stream, uint64_t before) {
  if (streams_.load(std::memory_order_acquire) == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = last_.find({context, key_of(stream)});
  if (found != last_.end() && found->second <= before) last_.erase(found);
  streams_.store(last_.size(), std::memory_order_release);
}

void SyncDebts::settle_context(uint64_t context, uint64_t before) {
  if (streams_.load(std::memory_order_acquire) == 0) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(last_, [&](const auto& entry) { return entry.first.first == context && entry.second <= before; });
  streams_.store(last_.size(), std::memory_order_release);
}

}  // namespace vgpu::host
