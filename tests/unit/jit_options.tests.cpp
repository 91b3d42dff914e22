// SPDX-License-Identifier: Apache-2.0
// Options of the JIT calls: what is refused, and what is written back.
#include "softgpu/driver/jit_options.h"

#include <cstring>
#include <string>

#include "tests/support/test.h"

namespace {

using vgpu::soft::JitOptions;

void* as_pointer(size_t value) { return reinterpret_cast<void*>(value); }

struct ErrorLog {
  char buffer[32] = {};
  CUjit_option options[2] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[2];

  explicit ErrorLog(size_t capacity) : values{buffer, as_pointer(capacity)} {}
  size_t size() const { return reinterpret_cast<size_t>(values[1]); }
  void write(const char* text) {
    auto jit = JitOptions::parse(2, options, values);
    REQUIRE(jit.ok());
    jit->add_error(text);
    jit->write();
  }
};

}  // namespace

TEST_CASE("no options are fine, missing arrays are not", "[unit][jit]") {
  CHECK(JitOptions::parse(0, nullptr, nullptr).ok());
  CHECK(JitOptions::parse(1, nullptr, nullptr).error() == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE("an unknown option is refused", "[unit][jit]") {
  const CUjit_option unknown = static_cast<CUjit_option>(77);
  void* value = nullptr;
  CHECK(JitOptions::parse(1, &unknown, &value).error() == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE("a log buffer without its size is refused", "[unit][jit]") {
  char buffer[8];
  const CUjit_option option = CU_JIT_INFO_LOG_BUFFER;
  void* value = buffer;
  CHECK(JitOptions::parse(1, &option, &value).error() == CUDA_ERROR_INVALID_VALUE);
}

TEST_CASE("a log that fits is written whole, and its length told", "[unit][jit]") {
  ErrorLog log(32);
  log.write("line 4: no");
  CHECK(std::string(log.buffer) == "line 4: no");
  CHECK(log.size() == 10);
}

TEST_CASE("a log that does not fit is cut, ends with NUL and fills the buffer", "[unit][jit]") {
  ErrorLog log(5);
  std::memset(log.buffer, 'x', sizeof log.buffer - 1);
  log.write("line 4: no");
  CHECK(std::string(log.buffer) == "line");
  CHECK(log.buffer[5] == 'x');
  CHECK(log.size() == 5);
}

TEST_CASE("an empty log empties the buffer", "[unit][jit]") {
  ErrorLog log(32);
  log.buffer[0] = 'x';
  auto jit = JitOptions::parse(2, log.options, log.values);
  REQUIRE(jit.ok());
  jit->write();
  CHECK(log.buffer[0] == '\0');
  CHECK(log.size() == 0);
}

TEST_CASE("the wall time is a float in the value's place", "[unit][jit]") {
  const CUjit_option option = CU_JIT_WALL_TIME;
  void* value = as_pointer(~size_t{0});
  auto jit = JitOptions::parse(1, &option, &value);
  REQUIRE(jit.ok());
  jit->write();
  float milliseconds = -1;
  std::memcpy(&milliseconds, &value, sizeof milliseconds);
  CHECK(milliseconds >= 0);
  CHECK(milliseconds < 1000);
}
