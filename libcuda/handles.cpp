// SPDX-License-Identifier: Apache-2.0
#include "libcuda/handles.h"

#include "libcuda/thread.h"

namespace vgpu::guest {

HandleNotes::Note* HandleNotes::find(uint64_t handle) const {
  const uint32_t index = handle::index_of(handle);
  Page* page = page_[index / kPageNotes].load(std::memory_order_acquire);
  return page == nullptr ? nullptr : &page->note[index % kPageNotes];
}

HandleNotes::Note& HandleNotes::note_at(uint32_t index) {
  std::atomic<Page*>& page = page_[index / kPageNotes];
  if (page.load(std::memory_order_acquire) == nullptr) {
    const std::lock_guard lock(mutex_);
    if (page.load(std::memory_order_relaxed) == nullptr) {
      owned_pages_.push_back(std::make_unique<Page>());
      page.store(owned_pages_.back().get(), std::memory_order_release);
    }
  }
  return page.load(std::memory_order_acquire)->note[index % kPageNotes];
}

void HandleNotes::made(Kind /*kind*/, uint64_t handle) {
  if (handle == 0) return;
  Note& note = note_at(handle::index_of(handle));
  note.graph.store(0, std::memory_order_relaxed);
  note.function.store(nullptr, std::memory_order_relaxed);
  note.progress.clear();
  note.maker.store(thread_state().current(), std::memory_order_relaxed);
  note.handle.store(handle, std::memory_order_release);
}

void HandleNotes::dropped(Kind /*kind*/, uint64_t handle) {
  Note* note = find(handle);
  uint64_t expected = handle;
  if (note != nullptr) note->handle.compare_exchange_strong(expected, 0);
}

bool HandleNotes::is_live(uint64_t handle) const {
  const Note* note = handle == 0 ? nullptr : find(handle);
  return note != nullptr && note->handle.load(std::memory_order_acquire) == handle;
}

Progress* HandleNotes::progress(uint64_t handle) {
  Note* note = handle == 0 ? nullptr : find(handle);
  return note != nullptr && note->handle.load(std::memory_order_acquire) == handle ? &note->progress : nullptr;
}

const Context* HandleNotes::maker(uint64_t handle) const {
  const Note* note = handle == 0 ? nullptr : find(handle);
  const bool live = note != nullptr && note->handle.load(std::memory_order_acquire) == handle;
  return live ? note->maker.load(std::memory_order_relaxed) : nullptr;
}

Function* HandleNotes::function(uint64_t handle) {
  const Kind kind = handle::kind_of(handle);
  if (kind != Kind::function && kind != Kind::kernel) return nullptr;
  Note& note = note_at(handle::index_of(handle));
  // Functions also arrive as elements of arrays and as borrowed handles, which nobody announces.
  if (note.handle.load(std::memory_order_acquire) != handle) made(kind, handle);
  Function* function = note.function.load(std::memory_order_acquire);
  if (function != nullptr) return function;
  const std::lock_guard lock(mutex_);
  function = note.function.load(std::memory_order_relaxed);
  if (function == nullptr) {
    owned_functions_.push_back(std::make_unique<Function>());
    function = owned_functions_.back().get();
    note.function.store(function, std::memory_order_release);
  }
  return function;
}

void HandleNotes::made_node(uint64_t node, uint64_t graph) {
  made(Kind::graph_node, node);
  if (node != 0) note_at(handle::index_of(node)).graph.store(graph, std::memory_order_relaxed);
}

bool HandleNotes::is_node_of(uint64_t node, uint64_t graph) const {
  const Note* const note = node == 0 ? nullptr : find(node);
  return note != nullptr && note->handle.load(std::memory_order_acquire) == node &&
         note->graph.load(std::memory_order_relaxed) == graph;
}

}  // namespace vgpu::guest
