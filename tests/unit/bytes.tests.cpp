// SPDX-License-Identifier: Apache-2.0
#include "common/codec/bytes.h"

#include "tests/support/test.h"

using vgpu::codec::Reader;
using vgpu::codec::Writer;
using Bytes = std::vector<std::byte>;

TEST_CASE("what a Writer puts a Reader gets, in order", "[unit][bytes]") {
  Bytes buffer;
  Writer writer(buffer);
  writer.put(uint8_t{7});
  writer.put(uint64_t{0x1122334455667788});
  writer.string("text");
  writer.put(-3);
  Reader reader(buffer);
  CHECK(reader.get<uint8_t>() == 7);
  CHECK(reader.get<uint64_t>() == 0x1122334455667788);
  CHECK(reader.string() == "text");
  CHECK(reader.get<int>() == -3);
  CHECK(reader.complete());
}

TEST_CASE("room is space for bytes that come later", "[unit][bytes]") {
  Bytes buffer;
  Writer writer(buffer);
  writer.put(uint32_t{1});
  std::byte* room = writer.room(4);
  room[0] = std::byte{9};
  CHECK(writer.size() == 8);
  CHECK(buffer[4] == std::byte{9});
}

TEST_CASE("a Reader that was asked for too much yields zeros for good", "[unit][bytes]") {
  const Bytes buffer(6, std::byte{0xff});
  Reader reader(buffer);
  CHECK(reader.get<uint64_t>() == 0);
  CHECK(reader.failed());
  CHECK(reader.get<uint8_t>() == 0);
  CHECK(reader.take(1) == nullptr);
  CHECK_FALSE(reader.complete());
}

TEST_CASE("sizes near the end of the number range do not wrap around", "[unit][bytes]") {
  const Bytes buffer(16);
  for (const uint64_t size : {uint64_t{17}, ~uint64_t{0}, ~uint64_t{0} - 15, uint64_t{1} << 63}) {
    Reader reader(buffer);
    reader.get<uint32_t>();
    CHECK(reader.take(size) == nullptr);
    CHECK(reader.failed());
  }
}

TEST_CASE("a string whose length exceeds the message is empty and a failure", "[unit][bytes]") {
  Bytes buffer;
  Writer writer(buffer);
  writer.put(uint64_t{5});
  writer.bytes("1234", 4);
  Reader reader(buffer);
  CHECK(reader.string().empty());
  CHECK(reader.failed());
}

TEST_CASE("a message with something left over is not complete", "[unit][bytes]") {
  const Bytes buffer(5);
  Reader reader(buffer);
  reader.get<uint32_t>();
  CHECK_FALSE(reader.complete());
  CHECK(reader.left() == 1);
  reader.get<uint8_t>();
  CHECK(reader.complete());
}

TEST_CASE("nothing can be taken from an empty message, and nothing is missing", "[unit][bytes]") {
  Reader reader({});
  CHECK(reader.complete());
  CHECK(reader.get<uint32_t>() == 0);
  CHECK(reader.failed());
}
