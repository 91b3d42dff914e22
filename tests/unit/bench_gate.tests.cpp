// SPDX-License-Identifier: Apache-2.0
#include "bench/gate.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/support/test.h"

using namespace vgpu::bench;

namespace {

// A file of bounds that goes with this object.
class File {
 public:
  explicit File(const std::string& text) {
    const int fd = ::mkstemp(name_);
    REQUIRE(fd >= 0);
    REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(fd);
  }
  ~File() { ::unlink(name_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  auto bounds() const { return read_bounds(name_); }

 private:
  char name_[32] = "/tmp/vgpu-gate-XXXXXX";
};

RowResult row(const char* name, Unit unit, std::vector<double> native, std::vector<double> ours) {
  return {name, unit, {std::move(native), "", ""}, {std::move(ours), "", ""}};
}

size_t broken(const std::string& bounds, const RowResult& result) {
  const auto read = File(bounds).bounds();
  REQUIRE(read.ok());
  return broken_bounds(read.value(), {result}).size();
}

}  // namespace

TEST_CASE("a time's ratio may be at most its bound", "[unit][bench]") {
  CHECK(broken("1.5 a row # remark\n", row("a row", Unit::seconds, {2}, {3})) == 0);
  CHECK(broken("1.4 a row\n", row("a row", Unit::seconds, {2}, {3})) == 1);
}

TEST_CASE("a rate's ratio must be at least its bound", "[unit][bench]") {
  CHECK(broken("0.5 a row\n", row("a row", Unit::steps_per_second, {2}, {1})) == 0);
  CHECK(broken("0.6 a row\n", row("a row", Unit::bytes_per_second, {2}, {1})) == 1);
}

TEST_CASE("a bound with a unit is of what was measured through us", "[unit][bench]") {
  const RowResult wake = row("wake-up", Unit::seconds, {}, {80e-6});
  CHECK(broken("100us wake-up\n", wake) == 0);
  CHECK(broken("70us wake-up\n", wake) == 1);
  CHECK(broken("79000ns wake-up\n", wake) == 1);
  CHECK(broken("1.2x many\n", row("many", Unit::multiples, {9}, {1.1})) == 0);
  CHECK(broken("0.5% idle\n", row("idle", Unit::share, {0}, {0.006})) == 1);
  CHECK(broken("90/s decode\n", row("decode", Unit::steps_per_second, {1}, {100})) == 0);
}

TEST_CASE("a row that has a bound and was not measured breaks it", "[unit][bench]") {
  CHECK(broken("1 a row\n", row("a row", Unit::seconds, {}, {1})) == 1);
  CHECK(broken("1s a row\n", row("a row", Unit::seconds, {1}, {})) == 1);
  CHECK(broken("1 another row\n", row("a row", Unit::seconds, {1}, {1})) == 1);
}

TEST_CASE("a ratio to nothing is no good ratio", "[unit][bench]") {
  CHECK(broken("1 idle\n", row("idle", Unit::share, {0}, {0})) == 1);
}

TEST_CASE("lines that are no bounds are named", "[unit][bench]") {
  for (const char* text : {"much row\n", "0 row\n", "-1 row\n", "1\n", "1 \n", "2furlongs row\n", "nan row\n"}) {
    const auto read = File(std::string("# first\n") + text).bounds();
    REQUIRE_FALSE(read.ok());
    CHECK(read.error().message.find(":2: ") != std::string::npos);
  }
  CHECK_FALSE(read_bounds("/nonexistent").ok());
}
