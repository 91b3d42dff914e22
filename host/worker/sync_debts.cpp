// SPDX-License-Identifier: Apache-2.0
#include "host/worker/sync_debts.h"

namespace vgpu::host {

void SyncDebts::note(Book& book, const Place& place) {
  const std::lock_guard lock(mutex_);
  book.last[place] = now_.fetch_add(1, std::memory_order_relaxed) + 1;
  book.streams.store(book.last.size(), std::memory_order_release);
}

void SyncDebts::may_print(uint64_t context, uint64_t stream) {
  may_have_printed_.store(true, std::memory_order_relaxed);
  note(text_, {context, key_of(stream)});
}

void SyncDebts::pool_changes(uint64_t context, uint64_t stream) {
  uses_pools_.store(true, std::memory_order_relaxed);
  note(memory_, {context, key_of(stream)});
}

template <class Settled>
void SyncDebts::settle(Settled settled) {
  if (!any()) return;
  const std::lock_guard lock(mutex_);
  for (Book* const book : {&text_, &memory_}) {
    std::erase_if(book->last, settled);
    book->streams.store(book->last.size(), std::memory_order_release);
  }
}

void SyncDebts::settle_stream(uint64_t context, uint64_t stream, uint64_t before) {
  settle([&](const auto& entry) {
    const auto& [place, noted] = entry;
    return noted <= before && (place == Place{context, key_of(stream)} || place == Place{context, kAnyStream});
  });
}

void SyncDebts::settle_context(uint64_t context, uint64_t before) {
  settle([&](const auto& entry) { return entry.first.first == context && entry.second <= before; });
}

}  // namespace vgpu::host
