// SPDX-License-Identifier: Apache-2.0
// Markers: words that the device writes when a stream has come to a point (stream memory operations), so that the
// dispatcher can watch it without a call of the driver (design D8). A marker that is never written, because its stream
// broke, is just never seen. The dispatcher's thread only.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "host/worker/driver.h"

namespace vgpu::host {

class Markers {
 public:
  struct Marker {
    uint32_t word = 0;
    uint32_t value = 0;  // 0: none
  };

  // Asks the device to write when `stream` of the current context gets there. No marker when it cannot be asked.
  Marker place(const Driver& driver, CUstream stream, uint64_t context_epoch);
  bool is_written(const Marker& marker) const;

 private:
  bool pin(const Driver& driver, uint64_t context_epoch);

  static constexpr size_t kPage = 4096;
  struct alignas(64) Word {
    std::atomic<uint32_t> value{0};
  };
  alignas(kPage) std::array<Word, kPage / sizeof(Word)> words_ = {};
  uint64_t epoch_ = 0;
  bool pinned_ = false;
  CUdeviceptr address_ = 0;  // of the page, when it is pinned: one for all contexts (unified addressing)
  uint32_t next_ = 0;
};

}  // namespace vgpu::host
