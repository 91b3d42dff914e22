// SPDX-License-Identifier: Apache-2.0
// Kernels that launch kernels: the order of what they ask for, and what they may not ask for.
#include <algorithm>

#include "tests/support/soft_machine.h"
#include "tests/support/test.h"

using vgpu::soft::test::address_of;
using vgpu::soft::test::SoftMachine;

namespace {

// `child(out, value)` appends its value to a list: out[0] counts, out[1...] are the values, by one thread of one block.
// LAUNCH(value, stream) of one block of one thread; `%rd0` is the list.
const std::string kPrologue = R"(
.extern .func (.param .b64 r) __cudaCDP2GetParameterBufferV2
  (.param .b64 f, .param .align 4 .b8 g[12], .param .align 4 .b8 b[12], .param .b32 s);
.extern .func (.param .b32 r) __cudaCDP2LaunchDeviceV2(.param .b64 p, .param .b64 s);
.extern .func (.param .b32 r) __cudaCDP2GetLastError();
.extern .func (.param .b32 r) __cudaCDP2MemsetAsync(.param .b64 p, .param .b32 v, .param .b64 n, .param .b64 s);
.visible .entry child(.param .u64 out, .param .u32 value) {
  .reg .b32 %r<4>; .reg .b64 %rd<8>;
  ld.param.u64 %rd0, [out];
  ld.param.u32 %r0, [value];
  atom.global.add.u32 %r1, [%rd0], 1;
  mul.wide.u32 %rd1, %r1, 4;
  add.u64 %rd1, %rd0, %rd1;
  st.global.u32 [%rd1+4], %r0;
  ret;
}
.func (.param .b32 result) start(.param .b64 list, .param .b32 value, .param .b32 threads, .param .b64 stream) {
  .reg .b32 %r<8>; .reg .b64 %rd<8>; .reg .pred %p;
  ld.param.u64 %rd0, [list];
  ld.param.u32 %r0, [value];
  ld.param.u32 %r1, [threads];
  ld.param.u64 %rd1, [stream];
  mov.u64 %rd2, child;
  { .param .b64 f; .param .align 4 .b8 g[12]; .param .align 4 .b8 b[12]; .param .b32 s; .param .b64 r;
    st.param.b64 [f], %rd2;
    st.param.b32 [g], 1; st.param.b32 [g+4], 1; st.param.b32 [g+8], 1;
    st.param.b32 [b], %r1; st.param.b32 [b+4], 1; st.param.b32 [b+8], 1;
    st.param.b32 [s], 0;
    call.uni (r), __cudaCDP2GetParameterBufferV2, (f, g, b, s);
    ld.param.b64 %rd3, [r]; }
  setp.eq.s64 %p, %rd3, 0;
  mov.u32 %r2, -1;
  @%p bra done;
  st.u64 [%rd3], %rd0;
  st.u32 [%rd3+8], %r0;
  { .param .b64 p; .param .b64 s; .param .b32 r;
    st.param.b64 [p], %rd3; st.param.b64 [s], %rd1;
    call.uni (r), __cudaCDP2LaunchDeviceV2, (p, s);
    ld.param.b32 %r2, [r]; }
done:
  st.param.b32 [result], %r2;
  ret;
}
)";

std::string start(const char* list, const char* value, const char* threads, const char* stream) {
  return std::string("  { .param .b64 l; .param .b32 v; .param .b32 t; .param .b64 s; .param .b32 r;\n") +
         "st.param.b64 [l], " + list + "; st.param.b32 [v], " + value + "; st.param.b32 [t], " + threads +
         "; st.param.b64 [s], " + stream + "; call.uni (r), start, (l, v, t, s); ld.param.b32 %r9, [r]; }\n";
}

const std::string kTest =
    ".visible .entry test(.param .u64 out) {\n"
    "  .reg .b32 %r<16>; .reg .b64 %rd<8>; .reg .pred %p<2>;\n  ld.param.u64 %rd0, [out];\n";

}  // namespace

TEST_CASE("kernels that a kernel launches run in order behind it, tail launches last", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(kPrologue + kTest + start("%rd0", "1", "1", "3") + start("%rd0", "2", "1", "0") +
                   start("%rd0", "3", "1", "4") + "  ld.global.u32 %r1, [%rd0];\n  st.global.u32 [%rd0+60], %r1;\n" +
                   "  st.global.u32 [%rd0+56], %r9;\n  ret;\n}\n") == "");
  auto& list = gpu.buffer<uint32_t>(16, 0);
  REQUIRE(gpu.run({}, {}, {address_of(list)}) == CUDA_SUCCESS);
  CHECK(list[0] == 3);
  CHECK(list[1] == 2);
  CHECK(list[2] == 3);
  CHECK(list[3] == 1);
  CHECK(list[14] == 0);  // the launch's result
  CHECK(list[15] == 0);  // what the parent saw of them
}

TEST_CASE("every thread of a grid can launch", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(kPrologue + kTest + "  mov.u32 %r0, %tid.x;\n" + start("%rd0", "%r0", "1", "0") + "  ret;\n}\n") ==
          "");
  auto& list = gpu.buffer<uint32_t>(257, 0);
  REQUIRE(gpu.run({4, 1, 1}, {64, 1, 1}, {address_of(list)}) == CUDA_SUCCESS);
  CHECK(list[0] == 256);
  std::sort(list.begin() + 1, list.end());
  CHECK(list[1] == 0);
  CHECK(list[256] == 63);
}

TEST_CASE("a child that no grid can be is an error of the thread that asked, and nothing runs", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(kPrologue + kTest + start("%rd0", "1", "1025", "0") +
                   "  { .param .b32 r; call.uni (r), __cudaCDP2GetLastError, (); ld.param.b32 %r1, [r]; }\n"
                   "  { .param .b32 r; call.uni (r), __cudaCDP2GetLastError, (); ld.param.b32 %r2, [r]; }\n"
                   "  st.global.u32 [%rd0+4], %r9;\n  st.global.u32 [%rd0+8], %r1;\n"
                   "  st.global.u32 [%rd0+12], %r2;\n" +
                   start("%rd0", "1", "1", "77") + "  st.global.u32 [%rd0+16], %r9;\n  ret;\n}\n") == "");
  auto& list = gpu.buffer<uint32_t>(16, 0);
  REQUIRE(gpu.run({}, {}, {address_of(list)}) == CUDA_SUCCESS);
  CHECK(list[0] == 0);
  CHECK(list[1] == UINT32_MAX);
  CHECK(list[2] == 9);    // cudaErrorInvalidConfiguration
  CHECK(list[3] == 0);    // it was fetched
  CHECK(list[4] == 400);  // no such stream: cudaErrorInvalidResourceHandle
}

TEST_CASE("a child's fault is its parent's", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(kPrologue + kTest + start("16", "1", "1", "0") + "  ret;\n}\n") == "");
  auto& list = gpu.buffer<uint32_t>(16, 0);
  CHECK(gpu.run({}, {}, {address_of(list)}) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(gpu.message().find("child") == 0);
}

TEST_CASE("a fill that a kernel asks for stays in its memory", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(kPrologue + kTest +
                   "  ld.global.u32 %r0, [%rd0];\n  cvt.u64.u32 %rd1, %r0;\n"
                   "  { .param .b64 p; .param .b32 v; .param .b64 n; .param .b64 s; .param .b32 r;\n"
                   "  st.param.b64 [p], %rd0; st.param.b32 [v], 5; st.param.b64 [n], %rd1; st.param.b64 [s], 0;\n"
                   "  call.uni (r), __cudaCDP2MemsetAsync, (p, v, n, s); ld.param.b32 %r1, [r]; }\n  ret;\n}\n") == "");
  auto& list = gpu.buffer<uint32_t>(2, 8);
  CHECK(gpu.run({}, {}, {address_of(list)}) == CUDA_SUCCESS);
  CHECK(list[1] == 0x05050505u);
  list[0] = 9;
  CHECK(gpu.run({}, {}, {address_of(list)}) == CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_CASE("a kernel that sets a condition which no graph has fails", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(".extern .func cudaGraphSetConditional(.param .b64 handle, .param .b32 value);\n"
                   ".visible .entry test() {\n"
                   "  { .param .b64 h; .param .b32 v; st.param.b64 [h], 5; st.param.b32 [v], 1;\n"
                   "  call.uni cudaGraphSetConditional, (h, v); }\n  ret;\n}\n") == "");
  CHECK(gpu.run({}, {}, {}) == CUDA_ERROR_LAUNCH_FAILED);
}
