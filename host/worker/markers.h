// SPDX-License-Identifier: Apache-2.0
// Markers: words of the worker's own that the device writes when a stream has come to a point, so that the dispatcher
// can watch it without a call of the driver. The dispatcher's thread only, but for forget_context.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "host/worker/word_page.h"

namespace vgpu::host {

class Markers {
 public:
  struct Marker {
    uint32_t word = 0;
    uint32_t value = 0;  // 0: none
  };

  explicit Markers(HardwareQueues& queues) : page_(words_.data(), queues) {}

  // Asks the device to write when `stream` of the current context, `context`, gets there. No marker when it cannot be
  // asked.
  Marker place(const Driver& driver, uint64_t context, CUstream stream);
  bool is_written(const Marker& marker) const;
  void forget_context(uint64_t context) { page_.forget_context(context); }

 private:
  struct alignas(64) Word {
    std::atomic<uint32_t> value{0};
  };
  alignas(WordPage::kBytes) std::array<Word, WordPage::kBytes / sizeof(Word)> words_ = {};
  WordPage page_;
  uint32_t next_ = 0;
};

}  // namespace vgpu::host
