// SPDX-License-Identifier: Apache-2.0
#include "libcuda/device_ranges.h"

#include "tests/support/test.h"

using vgpu::guest::DeviceRanges;

TEST_CASE("a device range contains what lies wholly within it", "[unit][ranges]") {
  DeviceRanges ranges;
  ranges.add(0x1000, 0x100);
  ranges.add(0x1100, 0x10);
  CHECK(ranges.contains(0x1000, 0x100));
  CHECK(ranges.contains(0x10ff, 1));
  CHECK(ranges.contains(0x1100, 0x10));
  CHECK_FALSE(ranges.contains(0x1000, 0x101));  // two allocations that touch are still two
  CHECK_FALSE(ranges.contains(0xfff, 1));
  CHECK_FALSE(ranges.contains(0x1110, 1));
  CHECK_FALSE(ranges.contains(0x10ff, ~uint64_t{0}));
  CHECK_FALSE(ranges.contains(~uint64_t{0}, 2));
}

TEST_CASE("a device range ends with its allocation", "[unit][ranges]") {
  DeviceRanges ranges;
  ranges.add(0, 16);
  ranges.add(0x1000, 0);
  CHECK_FALSE(ranges.begins_at(0));
  CHECK_FALSE(ranges.begins_at(0x1000));
  ranges.add(0x1000, 16);
  ranges.remove(0x1008);
  CHECK(ranges.begins_at(0x1000));
  CHECK_FALSE(ranges.begins_at(0x1008));
  ranges.remove(0x1000);
  CHECK_FALSE(ranges.contains(0x1000, 1));
  ranges.add(0x1000, 16);
  ranges.clear();
  CHECK_FALSE(ranges.contains(0x1000, 1));
}
