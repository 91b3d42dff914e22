// SPDX-License-Identifier: Apache-2.0
// The machine's parts that run without a kernel: the memory map, and the text of device printf.
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "softgpu/machine/memory_map.h"
#include "softgpu/machine/printf_format.h"
#include "tests/support/test.h"

using namespace vgpu::soft;

namespace {

// What vprintf would get for these bytes; strings are at address 1.
DeviceText format(std::string_view text, const std::vector<std::byte>& buffer = {}) {
  const auto argument = [&](size_t offset, void* out, size_t size) {
    if (offset + size > buffer.size()) return false;
    std::memcpy(out, buffer.data() + offset, size);
    return true;
  };
  const auto string = [](uint64_t address) -> std::optional<std::string> {
    return address == 1 ? std::optional<std::string>("word") : std::nullopt;
  };
  return format_device_text(text, argument, string).value_or(DeviceText{"unreadable", -1});
}

template <class T>
void append(std::vector<std::byte>& buffer, T value) {
  buffer.resize((buffer.size() + sizeof(T) - 1) / sizeof(T) * sizeof(T));
  const size_t at = buffer.size();
  buffer.resize(at + sizeof(T));
  std::memcpy(buffer.data() + at, &value, sizeof(T));
}

}  // namespace

TEST_CASE("a range is found by any of its bytes and by no other", "[unit]") {
  MemoryMap map;
  REQUIRE(map.add(4096, 100, true));
  REQUIRE(map.add(8192, 1, false));
  CHECK(map.find(4096)->size == 100);
  CHECK(map.find(4195)->begin == 4096);
  CHECK_FALSE(map.find(4196).has_value());
  CHECK_FALSE(map.find(4095).has_value());
  CHECK_FALSE(map.find(8192)->writable);
}

TEST_CASE("empty, overlapping and wrapping ranges are refused", "[unit]") {
  MemoryMap map;
  REQUIRE(map.add(4096, 100, true));
  CHECK_FALSE(map.add(5000, 0, true));
  CHECK_FALSE(map.add(4195, 10, true));
  CHECK_FALSE(map.add(4000, 97, true));
  CHECK_FALSE(map.add(~uint64_t{0} - 5, 100, true));
  CHECK(map.add(4196, 10, true));
  CHECK(map.add(4000, 96, true));
}

TEST_CASE("removing a range changes the epoch, so that nobody trusts what he remembers", "[unit]") {
  MemoryMap map;
  REQUIRE(map.add(4096, 100, true));
  const uint64_t before = map.epoch().load();
  CHECK_FALSE(map.remove(4097));
  CHECK(map.epoch().load() == before);
  CHECK(map.remove(4096));
  CHECK(map.epoch().load() != before);
  CHECK_FALSE(map.find(4096).has_value());
}

TEST_CASE("device printf aligns each argument to its size and counts them", "[unit]") {
  std::vector<std::byte> buffer;
  append<int32_t>(buffer, -5);
  append<double>(buffer, 2.5);
  append<int32_t>(buffer, 'x');
  append<int64_t>(buffer, -1234567890123);
  append<uint64_t>(buffer, 1);
  append<int32_t>(buffer, 255);
  const DeviceText text = format("[%d|%6.2f|%c|%lld|%6s|%#x]%%\n", buffer);
  CHECK(text.text == "[-5|  2.50|x|-1234567890123|  word|0xff]%\n");
  CHECK(text.arguments == 6);
}

TEST_CASE("device printf takes widths and precisions from arguments", "[unit]") {
  std::vector<std::byte> buffer;
  append<int32_t>(buffer, -6);
  append<int32_t>(buffer, 42);
  append<int32_t>(buffer, 3);
  append<double>(buffer, 1.0);
  CHECK(format("[%*d|%.*f]", buffer).text == "[42    |1.000]");
}

TEST_CASE("what device printf does not know is printed as it is, and a missing argument is an error", "[unit]") {
  CHECK(format("50%y|%k").text == "50%y|%k");
  CHECK(format("plain").arguments == 0);
  CHECK(format("%d").arguments == -1);
  CHECK(format("%99999999999d", std::vector<std::byte>(4)).text.size() == 4096);
}
