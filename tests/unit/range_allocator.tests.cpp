// SPDX-License-Identifier: Apache-2.0
// RangeAllocator: which piece an allocation gets, and what comes back together.
#include "softgpu/driver/range_allocator.h"

#include <map>
#include <random>

#include "tests/support/test.h"

using vgpu::soft::RangeAllocator;

namespace {
constexpr uint64_t kBegin = 0x1000, kSize = 0x10000;
}

TEST_CASE("a fresh range is one free piece", "[unit][range_allocator]") {
  RangeAllocator range(kBegin, kSize);
  CHECK(range.allocate(kSize, 1) == kBegin);
  CHECK_FALSE(range.allocate(1, 1).has_value());
}

TEST_CASE("a piece begins at its alignment", "[unit][range_allocator]") {
  RangeAllocator range(kBegin, kSize);
  REQUIRE(range.allocate(1, 1) == kBegin);
  CHECK(range.allocate(16, 0x1000) == 0x2000);
}

TEST_CASE("the space before an aligned piece stays free", "[unit][range_allocator]") {
  RangeAllocator range(kBegin, kSize);
  REQUIRE(range.allocate(1, 1) == kBegin);
  REQUIRE(range.allocate(16, 0x1000) == 0x2000);
  CHECK(range.allocate(0xfff, 1) == kBegin + 1);
}

TEST_CASE("the smallest free piece that fits is used", "[unit][range_allocator]") {
  RangeAllocator range(kBegin, kSize);
  const uint64_t large = range.allocate(0x400, 1).value();
  REQUIRE(range.allocate(0x10, 1).has_value());
  const uint64_t small = range.allocate(0x100, 1).value();
  REQUIRE(range.allocate(0x10, 1).has_value());
  REQUIRE(range.release(large) == 0x400);
  REQUIRE(range.release(small) == 0x100);
  CHECK(range.allocate(0x80, 1) == small);
}

TEST_CASE("released neighbours become one piece", "[unit][range_allocator]") {
  RangeAllocator range(kBegin, 0x300);
  const uint64_t first = range.allocate(0x100, 1).value();
  const uint64_t second = range.allocate(0x100, 1).value();
  const uint64_t third = range.allocate(0x100, 1).value();
  CHECK(range.release(first) == 0x100);
  CHECK(range.release(third) == 0x100);
  CHECK(range.release(second) == 0x100);
  CHECK(range.allocate(0x300, 1) == first);
}

TEST_CASE("only the beginning of a piece in use can be released", "[unit][range_allocator]") {
  RangeAllocator range(kBegin, kSize);
  const uint64_t piece = range.allocate(0x100, 1).value();
  CHECK(range.release(piece + 1) == 0);
  CHECK(range.release(piece) == 0x100);
  CHECK(range.release(piece) == 0);
}

TEST_CASE("a wanted place is given when it is free", "[unit][range_allocator]") {
  RangeAllocator range(kBegin, kSize);
  CHECK(range.allocate_at(0x3000, 0x1000));
  CHECK_FALSE(range.allocate_at(0x3800, 0x1000));
  CHECK_FALSE(range.allocate_at(kBegin + kSize - 1, 2));
  CHECK_FALSE(range.allocate_at(kBegin - 1, 1));
  CHECK(range.size_of(0x3000) == 0x1000);
}

TEST_CASE("random allocations never overlap and all space comes back", "[unit][range_allocator]") {
  RangeAllocator range(kBegin, kSize);
  std::mt19937 random(1);
  std::map<uint64_t, uint64_t> live;
  bool overlap = false;
  for (int step = 0; step < 20000; ++step) {
    const uint64_t size = 1 + random() % 700, alignment = uint64_t{1} << random() % 9;
    const auto piece = random() % 2 != 0 ? range.allocate(size, alignment) : std::nullopt;
    if (piece) {
      const auto next = live.lower_bound(*piece);
      overlap |= next != live.end() && next->first < *piece + size;
      overlap |= next != live.begin() && std::prev(next)->first + std::prev(next)->second > *piece;
      live.emplace(*piece, size);
    } else if (!live.empty()) {
      const auto victim = std::next(live.begin(), static_cast<long>(random() % live.size()));
      overlap |= range.release(victim->first) != victim->second;
      live.erase(victim);
    }
  }
  CHECK_FALSE(overlap);
  for (const auto& [begin, size] : live) range.release(begin);
  CHECK(range.allocate(kSize, 1) == kBegin);
}
