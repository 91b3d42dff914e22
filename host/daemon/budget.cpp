// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/budget.h"

#include <algorithm>

namespace vgpu::host {

bool MemoryLimit::take(uint64_t bytes) {
  uint64_t wanted = 0;
  if (__builtin_add_overflow(used_, bytes, &wanted)) return false;
  if (limit_ != 0 && wanted > limit_) return false;
  used_ = wanted;
  peak_ = std::max(peak_, used_);
  return true;
}

bool MemoryShare::reserve(uint64_t bytes) {
  if (!limit_.take(bytes)) return false;
  held_ += bytes;
  return true;
}

bool MemoryShare::release(uint64_t bytes) {
  const uint64_t given = std::min(bytes, held_);
  held_ -= given;
  limit_.give(given);
  return given == bytes;
}

}  // namespace vgpu::host
