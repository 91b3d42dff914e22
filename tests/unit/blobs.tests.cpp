// SPDX-License-Identifier: Apache-2.0
#include "host/worker/blobs.h"

#include "tests/support/test.h"

using vgpu::host::Blobs;
using Bytes = std::vector<std::byte>;

TEST_CASE("a blob is taken when all of it has arrived, and once", "[unit][blobs]") {
  Blobs blobs;
  const Bytes half(8, std::byte{1});
  CHECK(blobs.append(1, 16, half));
  CHECK_FALSE(blobs.take(1).has_value());
  CHECK(blobs.append(1, 16, half));
  const auto whole = blobs.take(1);
  REQUIRE(whole.has_value());
  CHECK(whole->size() == 16);
  CHECK_FALSE(blobs.take(1).has_value());
}

TEST_CASE("more bytes than announced, or another total, are refused", "[unit][blobs]") {
  Blobs blobs;
  const Bytes bytes(8);
  CHECK(blobs.append(1, 12, bytes));
  CHECK_FALSE(blobs.append(1, 12, bytes));
  CHECK_FALSE(blobs.append(1, 16, bytes));
  CHECK_FALSE(blobs.append(2, 4, bytes));
}

TEST_CASE("a blob beyond the cap is refused without taking memory", "[unit][blobs]") {
  Blobs blobs;
  CHECK_FALSE(blobs.append(1, Blobs::kMaxTotal + 1, {}));
  CHECK_FALSE(blobs.append(1, ~uint64_t{0}, {}));
}

TEST_CASE("the cap holds for all blobs together and comes back when they go", "[unit][blobs]") {
  Blobs blobs;
  const Bytes byte(1);
  CHECK(blobs.append(1, Blobs::kMaxTotal - 10, byte));
  CHECK_FALSE(blobs.append(2, 11, byte));
  CHECK(blobs.keep(Bytes(11)) == 0);
  CHECK(blobs.append(3, 10, byte));
  blobs.drop(1);
  CHECK(blobs.append(2, 11, byte));
}

TEST_CASE("the number of blobs has a bound, too", "[unit][blobs]") {
  Blobs blobs;
  const Bytes byte(1);
  uint64_t kept = 0;
  while (kept < 100'000 && blobs.append(kept + 1, 2, byte)) ++kept;
  CHECK(kept == Blobs::kMaxCount);
  blobs.drop(1);
  CHECK(blobs.append(kept + 1, 2, byte));
}

TEST_CASE("an empty blob is not a blob", "[unit][blobs]") {
  Blobs blobs;
  CHECK_FALSE(blobs.append(1, 0, {}));
}

TEST_CASE("a reply is read in parts and nowhere outside", "[unit][blobs]") {
  Blobs blobs;
  Bytes reply(100);
  reply[60] = std::byte{6};
  const uint64_t id = blobs.keep(reply);
  REQUIRE(id != 0);
  Bytes part(40);
  CHECK(blobs.read(id, 60, part));
  CHECK(part[0] == std::byte{6});
  CHECK_FALSE(blobs.read(id, 61, part));
  CHECK_FALSE(blobs.read(id, ~uint64_t{0}, part));
  CHECK_FALSE(blobs.read(id + 1, 0, part));
  blobs.drop(id);
  CHECK_FALSE(blobs.read(id, 0, part));
}

TEST_CASE("the guest's own blobs cannot take the place of a reply", "[unit][blobs]") {
  Blobs blobs;
  const uint64_t id = blobs.keep(Bytes(4));
  const Bytes bytes(4);
  CHECK_FALSE(blobs.append(id + 1, 4, bytes));
  CHECK_FALSE(blobs.append(id, 4, bytes));
}

TEST_CASE("dropping a blob that is not there changes nothing", "[unit][blobs]") {
  Blobs blobs;
  blobs.drop(77);
  const Bytes byte(1);
  CHECK(blobs.append(1, Blobs::kMaxTotal, byte));
}
