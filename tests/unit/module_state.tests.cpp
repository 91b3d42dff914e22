// SPDX-License-Identifier: Apache-2.0
#include "host/worker/module_state.h"

#include "tests/support/test.h"
#include "tests/unit/fat_binary.h"

using namespace vgpu::test;

namespace {

const std::string kHead = ".version 8.0\n.target sm_75\n.address_size 64\n";

bool has_variables(const std::string& body) { return vgpu::host::may_have_variables(span_of(kHead + body + '\0')); }

}  // namespace

TEST_CASE("code that only uses memory has no variables", "[unit][module-state]") {
  CHECK_FALSE(
      has_variables(".visible .entry k(.param .u64 p) { .reg .b64 %r; ld.param.u64 %r, [p];\n"
                    "cvta.to.global.u64 %r, %r; st.global.u32 [%r], 1; ld.const.u32 %r, [%r];\n"
                    "atom.global.add.u32 %r, [%r], 1; ret; }"));
  CHECK_FALSE(
      has_variables(".shared .align 4 .b8 tile[64];\n.extern .shared .b8 rest[];\n.visible .entry k() { ret; }"));
}

TEST_CASE("variables of a module are seen wherever they stand", "[unit][module-state]") {
  CHECK(has_variables(".global .u32 counter;"));
  CHECK(has_variables(".visible .global .align 4 .b8 table[16] = {1};"));
  CHECK(has_variables("\n.visible.global .u32 counter;"));
  CHECK(has_variables(";.const .u32 factor;"));
  CHECK(has_variables("/**/.const .u32 factor;"));
  CHECK(has_variables(".extern .const .b8 bank[];"));
  CHECK(has_variables(".global .texref picture;"));
  CHECK(has_variables(".tex .u32 picture;"));
  CHECK(has_variables(".global .samplerref s;"));
  CHECK(has_variables(".global .surfref s;"));
  CHECK(has_variables(".global .attribute(.managed) .u32 shared_with_host;"));
}

TEST_CASE("what is no text may have variables", "[unit][module-state]") {
  CHECK(vgpu::host::may_have_variables({}));
  CHECK(vgpu::host::may_have_variables(span_of(std::string("\x7f") + "ELF and more than four bytes")));
  CHECK(vgpu::host::may_have_variables(span_of(container({EntrySpec{kPtx, 75, 0, kHead}}))));
}
