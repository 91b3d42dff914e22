// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/range_allocator.h"

#include <algorithm>

namespace vgpu::soft {

RangeAllocator::RangeAllocator(uint64_t begin, uint64_t size) : high_water_(begin) { add_free(begin, begin + size); }

void RangeAllocator::add_free(uint64_t begin, uint64_t end) {
  free_.emplace(begin, end);
  free_sizes_.emplace(end - begin, begin);
}

void RangeAllocator::remove_free(std::map<uint64_t, uint64_t>::iterator piece) {
  free_sizes_.erase({piece->second - piece->first, piece->first});
  free_.erase(piece);
}

void RangeAllocator::take(std::map<uint64_t, uint64_t>::iterator piece, uint64_t begin, uint64_t end) {
  const uint64_t free_begin = piece->first, free_end = piece->second;
  remove_free(piece);
  if (free_begin < begin) add_free(free_begin, begin);
  if (end < free_end) add_free(end, free_end);
  used_.emplace(begin, end - begin);
  high_water_ = std::max(high_water_, end);
}

std::optional<uint64_t> RangeAllocator::allocate(uint64_t size, uint64_t alignment) {
  for (auto fit = free_sizes_.lower_bound({size, 0}); fit != free_sizes_.end(); ++fit) {
    const uint64_t begin = (fit->second + alignment - 1) & ~(alignment - 1);
    if (begin - fit->second > fit->first - size) continue;  // Alignment leaves too little of this piece.
    take(free_.find(fit->second), begin, begin + size);
    return begin;
  }
  return std::nullopt;
}

bool RangeAllocator::allocate_at(uint64_t begin, uint64_t size) {
  auto piece = free_.upper_bound(begin);
  if (piece == free_.begin()) return false;
  --piece;
  if (piece->second < begin || piece->second - begin < size) return false;
  take(piece, begin, begin + size);
  return true;
}

uint64_t RangeAllocator::size_of(uint64_t begin) const {
  const auto used = used_.find(begin);
  return used == used_.end() ? 0 : used->second;
}

uint64_t RangeAllocator::release(uint64_t begin) {
  const auto used = used_.find(begin);
  if (used == used_.end()) return 0;
  const uint64_t size = used->second;
  used_.erase(used);
  uint64_t free_begin = begin, free_end = begin + size;
  auto next = free_.lower_bound(begin);
  if (next != free_.begin()) {
    const auto previous = std::prev(next);
    if (previous->second == begin) {
      free_begin = previous->first;
      remove_free(previous);
    }
  }
  if (next != free_.end() && next->first == free_end) {
    free_end = next->second;
    remove_free(next);
  }
  add_free(free_begin, free_end);
  return size;
}

}  // namespace vgpu::soft
