// SPDX-License-Identifier: Apache-2.0
#include "libcuda/markers.h"

namespace vgpu::guest {
namespace {

constexpr uint32_t kTries = 8;
// Words that are given out one after the other are not neighbours: the device writes a line while somebody reads it.
constexpr uint32_t kStride = 17;
static_assert(ring::kMarkers % 2 == 0 && kStride % 2 == 1, "or some words would never be given out");
static_assert((ring::kMarkers & (ring::kMarkers - 1)) == 0);

int64_t now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

}  // namespace

bool Markers::is_free(uint32_t given, uint32_t present) {
  return given == 0 || present == given || present == (given | wire::kMarkerRefused);
}

Markers::Id Markers::take(uint64_t context) {
  for (uint32_t tries = 0; tries < kTries; ++tries) {
    const uint32_t word = next_.fetch_add(1, std::memory_order_relaxed) * kStride % ring::kMarkers;
    const uint32_t given = entry_[word].value.load(std::memory_order_acquire);
    if (!is_free(given, header_.marker[word].load(std::memory_order_acquire))) continue;
    if (const Id id = give(word, given, context); id != 0) return id;
  }
  return 0;
}

Markers::Id Markers::renew(Id id, uint64_t context) {
  return give(word_of(id), static_cast<uint32_t>(id >> 32), context);
}

// 0 when somebody else was faster.
Markers::Id Markers::give(uint32_t word, uint32_t given, uint64_t context) {
  Entry& entry = entry_[word];
  const uint32_t value = given + 1 == wire::kMarkerRefused ? 1 : given + 1;
  if (!entry.value.compare_exchange_strong(given, value, std::memory_order_acq_rel)) return 0;
  // Behind the value: who reads these with an old one in mind sees then that they are not his (note()).
  entry.note.store(kNoNote, std::memory_order_release);
  entry.context.store(context, std::memory_order_release);
  const Id id = Id{value} << 32 | word;
  asked_now(id);
  return id;
}

Markers::State Markers::look(Id id) const {
  const auto value = static_cast<uint32_t>(id >> 32);
  const uint32_t present = header_.marker[word_of(id)].load(std::memory_order_acquire);
  if (present == value) return State::written;
  // After the word: as long as it is ours, nobody else's value was there.
  if (entry_[word_of(id)].value.load(std::memory_order_acquire) != value) return State::lost;
  return present == (value | wire::kMarkerRefused) ? State::refused : State::waiting;
}

std::optional<uint64_t> Markers::note(Id id) const {
  const Entry& entry = entry_[word_of(id)];
  const uint64_t note = entry.note.load(std::memory_order_acquire);
  if (note == kNoNote || entry.value.load(std::memory_order_acquire) != static_cast<uint32_t>(id >> 32))
    return std::nullopt;
  return note;
}

bool Markers::asked_lately(Id id) const {
  const int64_t asked = entry_[word_of(id)].asked_at.load(std::memory_order_relaxed);
  return now() - asked < std::chrono::steady_clock::duration(kLately).count();
}

void Markers::asked_now(Id id) { entry_[word_of(id)].asked_at.store(now(), std::memory_order_relaxed); }

void Markers::drop_context(uint64_t context) {
  for (uint32_t word = 0; word < ring::kMarkers; ++word) {
    Entry& entry = entry_[word];
    if (entry.context.load(std::memory_order_acquire) != context) continue;
    const uint32_t given = entry.value.load(std::memory_order_acquire);
    if (!is_free(given, header_.marker[word].load(std::memory_order_acquire)))
      header_.marker[word].store(given | wire::kMarkerRefused, std::memory_order_release);
  }
}

}  // namespace vgpu::guest
