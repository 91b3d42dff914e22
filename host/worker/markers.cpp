// SPDX-License-Identifier: Apache-2.0
#include "host/worker/markers.h"

namespace vgpu::host {

Markers::Marker Markers::place(const Driver& driver, uint64_t context, CUstream stream) {
  ++next_;
  if (next_ == 0) ++next_;
  const Marker marker = {next_ % static_cast<uint32_t>(words_.size()), next_};
  return page_.store_later(driver, context, stream, marker.word * sizeof(Word), marker.value) ? marker : Marker();
}

bool Markers::is_written(const Marker& marker) const {
  return words_[marker.word].value.load(std::memory_order_acquire) == marker.value;
}

}  // namespace vgpu::host
