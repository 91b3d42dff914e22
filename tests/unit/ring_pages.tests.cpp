// SPDX-License-Identifier: Apache-2.0
#include "common/ring_pages.h"

#include <sys/stat.h>

#include "tests/support/test.h"

using namespace vgpu;

namespace {

constexpr uint32_t kAhead = 64;
constexpr uint64_t kUnitsPerPage = ring::kPage / ring::kUnit;

struct Ring {
  UniqueFd file = create_memory_file("session", ring::kTotalBytes).value();
  SessionMemory memory = SessionMemory::map(file.get()).value();
  RingPages pages{memory, kAhead};

  // What the file has memory for.
  size_t present() const {
    struct stat about = {};
    REQUIRE(::fstat(file.get(), &about) == 0);
    return static_cast<size_t>(about.st_blocks) * 512 / ring::kPage;
  }
  unsigned map_all(uint64_t position) {
    unsigned count = 0;
    while (pages.map_next(position)) ++count;
    return count;
  }
};

}  // namespace

TEST_CASE("pages of the ring are mapped one by one, as far as commands come soon", "[unit][ring_pages]") {
  Ring ring;
  *ring.memory.units(3) = std::byte{42};
  REQUIRE(ring.present() == 1);
  if (!ring.pages.map_next(0)) SKIP("this kernel maps no pages beforehand");
  CHECK(ring.present() == 1);
  REQUIRE(ring.pages.map_next(0));
  CHECK(ring.present() == 2);
  CHECK(ring.map_all(0) == kAhead - 2);
  CHECK(ring.present() == kAhead);
  CHECK(ring.map_all(kUnitsPerPage - 1) == 0);
  CHECK(ring.map_all(5 * kUnitsPerPage) == 5);
  CHECK(*ring.memory.units(3) == std::byte{42});
}

TEST_CASE("pages that a burst of commands has come to need not be mapped", "[unit][ring_pages]") {
  Ring ring;
  if (ring.map_all(0) == 0) SKIP("this kernel maps no pages beforehand");
  CHECK(ring.map_all(150 * kUnitsPerPage) == kAhead);
  CHECK(ring.present() == 2 * kAhead);
}

TEST_CASE("behind the ring's end its first pages are mapped once more, and after a round nothing is",
          "[unit][ring_pages]") {
  Ring ring;
  if (ring.map_all(0) == 0) SKIP("this kernel maps no pages beforehand");
  ring.map_all(ring::kRingUnits / 2);
  CHECK(ring.map_all(ring::kRingUnits - 1) > 0);
  CHECK(ring.map_all(ring::kRingUnits + 1) == 0);
  CHECK(ring.present() <= ring::kRingBytes / ring::kPage);
}

TEST_CASE("who wants all pages gets them at once", "[unit][ring_pages]") {
  Ring ring;
  RingPages all(ring.memory, RingPages::kAll);
  if (!all.map_next(0)) SKIP("this kernel maps no pages beforehand");
  while (all.map_next(0)) {
  }
  CHECK(ring.present() == ring::kRingBytes / ring::kPage);
}
