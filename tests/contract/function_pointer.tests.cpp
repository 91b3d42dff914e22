// SPDX-License-Identifier: Apache-2.0
// Addresses of functions that one kernel leaves in memory and another one calls. PTX ISA: call; CUDA programming guide:
// function pointers.
#include <vector>

#include "tests/contract/fixture.h"

namespace {

constexpr char kPtx[] = R"(.version 7.0
.target sm_52
.address_size 64
.visible .global .align 8 .u64 chosen;
.func (.param .b32 result) twice(.param .b32 value) {
  .reg .b32 %v;
  ld.param.u32 %v, [value];
  shl.b32 %v, %v, 1;
  st.param.b32 [result], %v;
  ret;
}
.func (.param .b32 result) plus_five(.param .b32 value) {
  .reg .b32 %v;
  ld.param.u32 %v, [value];
  add.u32 %v, %v, 5;
  st.param.b32 [result], %v;
  ret;
}
.visible .entry choose(.param .u32 which) {
  .reg .b32 %w;
  .reg .b64 %x, %y;
  .reg .pred %p1;
  ld.param.u32 %w, [which];
  setp.eq.u32 %p1, %w, 0;
  mov.u64 %x, twice;
  mov.u64 %y, plus_five;
  selp.b64 %x, %x, %y, %p1;
  st.global.u64 [chosen], %x;
  ret;
}
.visible .entry call_chosen(.param .u64 out) {
  .reg .b32 %i, %r;
  .reg .b64 %p, %o, %f;
  mov.u32 %i, %tid.x;
  ld.global.u64 %f, [chosen];
  {
  .param .b32 argument;
  .param .b32 answer;
  st.param.b32 [argument], %i;
  shape: .callprototype (.param .b32 _) _ (.param .b32 _);
  call (answer), %f, (argument), shape;
  ld.param.b32 %r, [answer];
  }
  ld.param.u64 %p, [out];
  mul.wide.u32 %o, %i, 4;
  add.s64 %p, %p, %o;
  st.global.u32 [%p], %r;
  ret;
}
)";

}  // namespace

TEST_CASE_METHOD(Gpu, "a kernel calls a function whose address only another kernel took", "[contract][module]") {
  Module module(kPtx);
  DeviceBuffer out(16);
  REQUIRE_CUDA(launch(module.function("choose"), 1, 1, nullptr, 0u));
  REQUIRE_CUDA(launch(module.function("call_chosen"), 1, 4, nullptr, out.address));
  CHECK(read_words(out, 4) == std::vector<unsigned>{0, 2, 4, 6});
  REQUIRE_CUDA(launch(module.function("choose"), 1, 1, nullptr, 1u));
  REQUIRE_CUDA(launch(module.function("call_chosen"), 1, 4, nullptr, out.address));
  CHECK(read_words(out, 4) == std::vector<unsigned>{5, 6, 7, 8});
}
