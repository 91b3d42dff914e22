// SPDX-License-Identifier: Apache-2.0
#include "common/session_memory.h"

#include <unistd.h>

#include "tests/support/test.h"

using namespace vgpu;

namespace {

struct Shared {
  UniqueFd file = create_memory_file("session", ring::kTotalBytes).value();
  SessionMemory memory = SessionMemory::map(file.get()).value();
};

}  // namespace

TEST_CASE("a fresh header is understood by the other side's mapping", "[unit][session_memory]") {
  Shared shared;
  shared.memory.initialise();
  const SessionMemory other = SessionMemory::map(shared.file.get()).value();
  CHECK(other.check().ok());
  CHECK(other.header().ring_offset == ring::kRingOffset);
}

TEST_CASE("memory without a header, or of another format, is refused with both formats named",
          "[unit][session_memory]") {
  Shared shared;
  CHECK_FALSE(shared.memory.check().ok());
  shared.memory.initialise();
  shared.memory.header().format = ring::kFormat + 41;
  const auto checked = shared.memory.check();
  REQUIRE_FALSE(checked.ok());
  CHECK(checked.error().message.find(std::to_string(ring::kFormat + 41)) != std::string::npos);
  CHECK(checked.error().message.find(std::to_string(ring::kFormat)) != std::string::npos);
}

TEST_CASE("a file that is too small is refused", "[unit][session_memory]") {
  const UniqueFd file = create_memory_file("small", ring::kTotalBytes - ring::kPage).value();
  CHECK_FALSE(SessionMemory::map(file.get()).ok());
  CHECK_FALSE(SessionMemory::map(-1).ok());
}

TEST_CASE("a command that crosses the ring's end is contiguous", "[unit][session_memory]") {
  Shared shared;
  std::byte* last = shared.memory.units(ring::kRingUnits - 1);
  std::byte* first = shared.memory.units(0);
  CHECK(shared.memory.units(ring::kRingUnits) == first);
  last[ring::kUnit] = std::byte{42};  // behind the end: the second view of the beginning
  CHECK(first[0] == std::byte{42});
}

TEST_CASE("positions beyond any number of rounds stay inside the ring", "[unit][session_memory]") {
  Shared shared;
  const std::byte* base = shared.memory.units(0);
  for (const uint64_t position : {~uint64_t{0}, uint64_t{1} << 63, uint64_t{ring::kRingUnits} * 1000 + 17}) {
    const auto offset = shared.memory.units(position) - base;
    CHECK(offset >= 0);
    CHECK(offset < static_cast<ptrdiff_t>(ring::kRingBytes));
  }
}

TEST_CASE("slots, staging chunks and ring lie one behind the other without overlap", "[unit][session_memory]") {
  Shared shared;
  // SAFETY: the header is where the mapping begins.
  const auto* base = reinterpret_cast<std::byte*>(&shared.memory.header());
  CHECK(reinterpret_cast<std::byte*>(&shared.memory.slot(0)) - base == ring::kPage);
  CHECK(reinterpret_cast<std::byte*>(&shared.memory.slot(ring::kReplySlots - 1) + 1) - base == ring::kWindowOffset);
  CHECK(shared.memory.chunk(0) - base == ring::kWindowOffset);
  CHECK(shared.memory.chunk(ring::kChunks - 1) + ring::kChunkBytes - base == ring::kRingOffset);
  CHECK(shared.memory.units(0) - base == ring::kRingOffset);
}

TEST_CASE("nobody can shrink or grow the memory under the other side", "[unit][session_memory]") {
  const Shared shared;
  CHECK(::ftruncate(shared.file.get(), 4096) != 0);
  CHECK(::ftruncate(shared.file.get(), ring::kTotalBytes + 4096) != 0);
}
