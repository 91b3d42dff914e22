// SPDX-License-Identifier: Apache-2.0
#include "common/ring_pages.h"

#include <sys/mman.h>

#include <algorithm>

namespace vgpu {

bool RingPages::map_after(uint32_t next, uint64_t position) {
  const uint64_t present = position * ring::kUnit / ring::kPage;
  const uint64_t page = std::max<uint64_t>(next, present);
  if (page >= kAll) next_.store(kAll, std::memory_order_relaxed);
  if (page >= std::min<uint64_t>(kAll, present + ahead_)) return false;
    // What is there stays as it is, whoever writes to it meanwhile. Kernels before 5.14 cannot, nor can devices'
    // memory, which is mapped at once.
#ifdef MADV_POPULATE_WRITE
  if (::madvise(memory_.ring_page(page), ring::kPage, MADV_POPULATE_WRITE) == 0) {
    next_.store(static_cast<uint32_t>(page) + 1, std::memory_order_relaxed);
    return true;
  }
#endif
  next_.store(kAll, std::memory_order_relaxed);
  return false;
}

}  // namespace vgpu
