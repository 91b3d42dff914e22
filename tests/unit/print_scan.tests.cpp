// SPDX-License-Identifier: Apache-2.0
#include "host/worker/print_scan.h"

#include <string>

#include "common/handle.h"
#include "host/worker/handle_table.h"
#include "tests/support/no_threads.h"
#include "tests/support/test.h"

using vgpu::Kind;
using vgpu::host::HandleTable;
using vgpu::host::PrintScan;

namespace {

const std::string kSilent = ".version 8.0\n.target sm_75\n.address_size 64\n.visible .entry k() { ret; }\n";
const std::string kPrinting = kSilent + ".extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 a);\n";

std::span<const std::byte> image(const std::string& text) {
  return std::as_bytes(std::span(text.c_str(), text.size() + 1));
}

struct Loaded {
  HandleTable handles;
  PrintScan scan{handles};
  uint64_t module = handles.add(Kind::module, 0x1000, 0);
};

}  // namespace

TEST_CASE("code that cannot print becomes silent, with what was found in it before and after", "[unit][print-scan]") {
  Loaded code;
  const uint64_t before = code.handles.add(Kind::function, 0x2000, code.module);
  CHECK_FALSE(code.handles.is_silent(before));
  code.scan.add(code.module, {image(kSilent), image(kSilent)});
  code.scan.drain();
  const uint64_t after = code.handles.add(Kind::function, 0x3000, code.module);
  CHECK(code.handles.is_silent(code.module));
  CHECK(code.handles.is_silent(before));
  CHECK(code.handles.is_silent(after));
}

TEST_CASE("code of which a part prints does not become silent", "[unit][print-scan]") {
  Loaded code;
  const uint64_t function = code.handles.add(Kind::function, 0x2000, code.module);
  code.scan.add(code.module, {image(kSilent), image(kPrinting)});
  code.scan.drain();
  CHECK_FALSE(code.handles.is_silent(code.module));
  CHECK_FALSE(code.handles.is_silent(function));
}

TEST_CASE("code without an image, or with one that is too large, is not looked through", "[unit][print-scan]") {
  Loaded code;
  code.scan.add(code.module, {});
  const std::string large(size_t{65} << 20, ' ');
  code.scan.add(code.module, {image(large)});
  code.scan.drain();
  CHECK_FALSE(code.handles.is_silent(code.module));
}

TEST_CASE("code that was unloaded meanwhile leaves its handle's successor alone", "[unit][print-scan]") {
  Loaded code;
  const uint64_t old = code.module;
  code.handles.drop(old);
  const uint64_t next = code.handles.add(Kind::module, 0x1000, 0);
  code.scan.add(old, {image(kSilent)});
  code.scan.drain();
  CHECK_FALSE(code.handles.is_silent(next));
}

TEST_CASE("code that no thread can look through may print, and later code is looked through", "[unit][print-scan]") {
  Loaded code;
  {
    const vgpu::test::NoThreads none;
    code.scan.add(code.module, {image(kSilent)});
  }
  const uint64_t later = code.handles.add(Kind::module, 0x4000, 0);
  code.scan.add(later, {image(kSilent)});
  code.scan.drain();
  CHECK_FALSE(code.handles.is_silent(code.module));
  CHECK(code.handles.is_silent(later));
}
