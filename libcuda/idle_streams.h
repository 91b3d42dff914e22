// SPDX-License-Identifier: Apache-2.0
// IdleStreams: streams that a thread has found idle, so that what it sends to others does not make them doubtful: a
// program that copies to one stream, waits for it and asks about another finds the other as it was. Belongs to its
// thread; what is known of the streams is shared (progress.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "libcuda/handles.h"

namespace vgpu::guest {

// Where a message stands in the ring.
struct Extent {
  uint64_t begin = 0, end = 0;
};

class IdleStreams {
 public:
  // The mark of the stream with this handle has just been set.
  void found(uint64_t stream) {
    for (const uint64_t known : streams_)
      if (known == stream) return;
    streams_[next_++ % streams_.size()] = stream;
  }

  // A message at `extent` concerned no stream but `concerned`. What was idle until right before it is so right behind
  // it, for nothing else stands between. A mark that says anything else is left as it is.
  void carry(HandleNotes& notes, const Extent& extent, uint64_t concerned) {
    for (uint64_t& stream : streams_) {
      if (stream == 0 || stream == concerned) continue;
      Progress* const progress = notes.progress(stream);
      uint64_t mark = progress == nullptr ? 0 : progress->mark.load(std::memory_order_relaxed);
      if (progress != nullptr && mark >> 1 == extent.begin)
        progress->mark.compare_exchange_strong(mark, extent.end << 1 | (mark & 1), std::memory_order_relaxed);
      else stream = 0;
    }
  }

 private:
  std::array<uint64_t, 4> streams_ = {};
  size_t next_ = 0;
};

}  // namespace vgpu::guest
