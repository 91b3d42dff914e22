// SPDX-License-Identifier: Apache-2.0
#include "libcuda/mapped_here.h"

#include <sys/mman.h>

#include <sstream>

#include "common/bits.h"
#include "common/fd.h"
#include "tests/support/test.h"

using namespace vgpu;
using namespace vgpu::guest;

namespace {
constexpr size_t kPage = 4096;
}

TEST_CASE("a file is seen where it is mapped, and no longer where other memory is", "[mapped-here]") {
  const UniqueFd file = create_memory_file("mapped-here", 3 * kPage).value();
  void* const place = ::mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  REQUIRE(place != MAP_FAILED);
  const FileIdentity identity = identity_of(file.get());
  const uint64_t at = bits_of(place);
  CHECK(is_mapped_here(identity, 0, at, 3 * kPage));
  CHECK(is_mapped_here(identity, kPage, at + kPage, 2 * kPage));
  CHECK_FALSE(is_mapped_here(identity, 0, at + kPage, kPage));
  void* const middle = from_bits<void*>(at + kPage);
  REQUIRE(::mmap(middle, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == middle);
  CHECK_FALSE(is_mapped_here(identity, 0, at, 3 * kPage));
  CHECK(is_mapped_here(identity, 2 * kPage, at + 2 * kPage, kPage));
  REQUIRE(::munmap(place, 3 * kPage) == 0);
  CHECK_FALSE(is_mapped_here(identity, 2 * kPage, at + 2 * kPage, kPage));
}

TEST_CASE("of a text of mappings all bytes must show the file", "[mapped-here]") {
  const FileIdentity file = {1, 77};
  const auto seen = [&](const char* text, uint64_t offset, uint64_t address, uint64_t bytes) {
    std::istringstream maps(text);
    return is_mapped_in(maps, file, offset, address, bytes);
  };
  const char* const two =
      "1000-2000 rw-p 00000000 00:00 0 \n2000-3000 rw-s 00001000 00:01 77 /memfd:a (deleted)\n"
      "3000-4000 r--s 00002000 00:01 77 /memfd:a (deleted)\n";
  CHECK(seen(two, 0x1000, 0x2000, 0x2000));
  CHECK_FALSE(seen(two, 0x1000, 0x2000, 0x2001));
  CHECK_FALSE(seen(two, 0, 0x1000, 0x1000));
  CHECK_FALSE(seen("2000-3000 rw-s 00001000 00:01 78 /memfd:b (deleted)\n", 0x1000, 0x2000, 0x1000));
  CHECK_FALSE(seen("2000-3000 rw-s 00001000 00:02 77 /a\n", 0x1000, 0x2000, 0x1000));
  CHECK_FALSE(seen("", 0, 0x1000, 1));
}
