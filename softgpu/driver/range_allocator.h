// SPDX-License-Identifier: Apache-2.0
// Hands out pieces of one range of numbers (addresses), best fit, and joins what comes back. Keeps its books outside
// the range. Not thread-safe: its owner locks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

namespace vgpu::soft {

class RangeAllocator {
 public:
  RangeAllocator(uint64_t begin, uint64_t size);

  // `size` > 0; `alignment` is a power of two. Nothing when no free piece is large enough.
  std::optional<uint64_t> allocate(uint64_t size, uint64_t alignment);
  // Exactly this piece, if it is free.
  bool allocate_at(uint64_t begin, uint64_t size);
  // Gives back a piece; its size, or 0 when `begin` is not the beginning of a piece.
  uint64_t release(uint64_t begin);
  // The size of the piece in use that begins there, or 0.
  uint64_t size_of(uint64_t begin) const;
  // The highest end of any piece ever handed out.
  uint64_t high_water() const { return high_water_; }

 private:
  void add_free(uint64_t begin, uint64_t end);
  void remove_free(std::map<uint64_t, uint64_t>::iterator piece);
  void take(std::map<uint64_t, uint64_t>::iterator piece, uint64_t begin, uint64_t end);

  std::map<uint64_t, uint64_t> free_;                   // begin -> end
  std::set<std::pair<uint64_t, uint64_t>> free_sizes_;  // (size, begin) of the same pieces
  std::unordered_map<uint64_t, uint64_t> used_;         // begin -> size
  uint64_t high_water_;
};

}  // namespace vgpu::soft
