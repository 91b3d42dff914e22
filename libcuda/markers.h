// SPDX-License-Identifier: Apache-2.0
// Markers: the guest's book of the words that the device writes when a stream has come to a point (wire::Marker). A
// word is used again when what it was last given has been written, so that a write that comes late never looks like
// another one's. Any thread, without locks.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

#include "vgpu/hand_wire.h"

namespace vgpu::guest {

class Markers {
 public:
  enum class State {
    waiting,  // the device has not come to it
    written,  // it has
    refused,  // it never will
    lost,     // nobody knows: the word has been used again
  };
  // A word and what will be in it: below 2^63, 0 for none.
  using Id = uint64_t;

  explicit Markers(ring::Header& header) : header_(header) {}

  // A word for something of this context; 0 when none is free. The caller has the worker place it.
  Id take(uint64_t context);
  // The same word again, before or after it has been written; 0 when it has another owner by now. For the same stream:
  // the device writes the two in this order.
  Id renew(Id id, uint64_t context);
  State look(Id id) const;
  static wire::Marker on_wire(Id id, uint64_t stream) { return {stream, word_of(id), static_cast<uint32_t>(id >> 32)}; }

  // A number of the owner's that goes with the marker; nothing until there is one, or when the word has been used
  // again.
  void set_note(Id id, uint64_t note) { entry_[word_of(id)].note.store(note, std::memory_order_release); }
  std::optional<uint64_t> note(Id id) const;

  // A device that failed never writes, so the worker is asked from time to time. Whether it was lately.
  bool asked_lately(Id id) const;
  void asked_now(Id id);

  // The context has died; what it had not written it never will.
  void drop_context(uint64_t context);

 private:
  static constexpr uint64_t kNoNote = ~uint64_t{0};
  static constexpr std::chrono::microseconds kLately{100};

  struct Entry {
    std::atomic<uint32_t> value{0};  // the last that was given out
    std::atomic<uint64_t> context{0}, note{kNoNote};
    std::atomic<int64_t> asked_at{0};
  };
  static uint32_t word_of(Id id) { return static_cast<uint32_t>(id) % ring::kMarkers; }
  Id give(uint32_t word, uint32_t given, uint64_t context);
  static bool is_free(uint32_t given, uint32_t present);

  ring::Header& header_;
  std::atomic<uint32_t> next_{0};
  std::array<Entry, ring::kMarkers> entry_ = {};
};

}  // namespace vgpu::guest
