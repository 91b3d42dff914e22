// SPDX-License-Identifier: Apache-2.0
// Blocks and grids: barriers, shared memory, atomics between blocks, cooperative launches, faults, device runtime.
#include "tests/support/soft_machine.h"
#include "tests/support/test.h"

using vgpu::soft::test::address_of;
using vgpu::soft::test::SoftMachine;

TEST_CASE("a barrier orders shared memory between warps, whatever the dimensions of the block", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.visible .entry test(.param .u64 out) {
  .reg .b32 %r<16>; .reg .b64 %rd<4>;
  .shared .align 4 .b32 box[96];
  mov.u32 %r0, %tid.x; mov.u32 %r1, %tid.y; mov.u32 %r2, %ntid.x;
  mad.lo.u32 %r0, %r1, %r2, %r0;
  shl.b32 %r3, %r0, 2;
  mov.u32 %r4, box;
  add.u32 %r5, %r4, %r3;
  st.shared.u32 [%r5], %r0;
  bar.sync 0;
  sub.u32 %r6, 95, %r0;
  shl.b32 %r6, %r6, 2;
  add.u32 %r6, %r4, %r6;
  ld.shared.u32 %r7, [%r6];
  ld.param.u64 %rd0, [out];
  mul.wide.u32 %rd1, %r0, 4;
  add.u64 %rd0, %rd0, %rd1;
  st.global.u32 [%rd0], %r7;
  ret;
})") == "");
  auto& out = gpu.buffer<uint32_t>(96);
  REQUIRE(gpu.run({}, {8, 12, 1}, {address_of(out)}) == CUDA_SUCCESS);
  for (uint32_t i = 0; i < 96; ++i) CHECK(out[i] == 95 - i);
}

TEST_CASE("threads that have exited do not hold up a barrier", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.visible .entry test(.param .u64 out) {
  .reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<4>;
  mov.u32 %r0, %tid.x;
  setp.gt.u32 %p1, %r0, 40;
  @%p1 exit;
  setp.gt.u32 %p2, %r0, 10;
  bar.red.popc.u32 %r1, 0, %p2;
  ld.param.u64 %rd0, [out];
  mul.wide.u32 %rd1, %r0, 4;
  add.u64 %rd0, %rd0, %rd1;
  st.global.u32 [%rd0], %r1;
  ret;
})") == "");
  auto& out = gpu.buffer<uint32_t>(128);
  REQUIRE(gpu.run({}, {128, 1, 1}, {address_of(out)}) == CUDA_SUCCESS);
  CHECK(out[0] == 30);
  CHECK(out[40] == 30);
  CHECK(out[41] == 0);
}

TEST_CASE("producer and consumer warps meet at a counted barrier", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.visible .entry test(.param .u64 out) {
  .reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<4>;
  .shared .b32 box;
  mov.u32 %r0, %tid.x;
  setp.lt.u32 %p1, %r0, 32;
  @%p1 bra CONSUME;
  st.shared.u32 [box], 42;
  bar.arrive 3, 64;
  exit;
CONSUME:
  bar.sync 3, 64;
  ld.shared.u32 %r1, [box];
  ld.param.u64 %rd0, [out];
  mul.wide.u32 %rd1, %r0, 4;
  add.u64 %rd0, %rd0, %rd1;
  st.global.u32 [%rd0], %r1;
  ret;
})") == "");
  auto& out = gpu.buffer<uint32_t>(32);
  REQUIRE(gpu.run({}, {64, 1, 1}, {address_of(out)}) == CUDA_SUCCESS);
  CHECK(out[31] == 42);
}

TEST_CASE("a block whose threads wait for each other for ever is a fault, not a hang", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.visible .entry test() {
  .reg .pred %p<2>; .reg .b32 %r<2>;
  mov.u32 %r0, %tid.x;
  setp.lt.u32 %p1, %r0, 32;
  @%p1 bra OTHER;
  bar.sync 1, 64;
  exit;
OTHER:
  bar.sync 2, 64;
  ret;
})") == "");
  CHECK(gpu.run({}, {64, 1, 1}, {}) == CUDA_ERROR_LAUNCH_TIMEOUT);
}

TEST_CASE("atomics of all blocks add up", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.visible .entry test(.param .u64 out) {
  .reg .b32 %r<8>; .reg .b64 %rd<4>; .reg .f32 %f<2>;
  ld.param.u64 %rd0, [out];
  mov.u32 %r0, %tid.x;
  atom.global.add.u32 %r1, [%rd0], 1;
  red.global.max.s32 [%rd0+4], %r0;
  and.b32 %r2, %r0, 3;
  mul.wide.u32 %rd1, %r2, 4;
  add.u64 %rd1, %rd0, %rd1;
  red.global.add.u32 [%rd1+8], 1;
  red.global.add.f32 [%rd0+24], 0f3F000000;
  atom.inc.u32 %r3, [%rd0+28], 9;
  ret;
})") == "");
  auto& out = gpu.buffer<uint32_t>(8);
  REQUIRE(gpu.run({50, 2, 1}, {64, 1, 1}, {address_of(out)}) == CUDA_SUCCESS);
  CHECK(out[0] == 6400);
  CHECK(out[1] == 63);
  CHECK(out[2] == 1600);
  CHECK(out[5] == 1600);
  CHECK(out[6] == 0x45480000u);  // 3200.0f
  CHECK(out[7] == 0);            // 6400 steps modulo 10
}

TEST_CASE("blocks of a cooperative launch wait for each other with any number of threads", "[unit]") {
  SoftMachine gpu(1);
  REQUIRE(gpu.load(R"(
.visible .entry test(.param .u64 out) {
  .reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<4>;
  ld.param.u64 %rd0, [out];
  mov.u32 %r0, %tid.x;
  setp.ne.u32 %p1, %r0, 0;
  @%p1 bra JOINED;
  atom.global.add.u32 %r1, [%rd0], 1;
WAIT:
  ld.acquire.gpu.global.u32 %r1, [%rd0];
  setp.lt.u32 %p2, %r1, 20;
  @%p2 bra WAIT;
JOINED:
  bar.sync 0;
  red.global.add.u32 [%rd0+4], 1;
  ret;
})") == "");
  auto& out = gpu.buffer<uint32_t>(2);
  REQUIRE(gpu.run({20, 1, 1}, {64, 1, 1}, {address_of(out)}, 0, true) == CUDA_SUCCESS);
  CHECK(out[1] == 1280);
}

TEST_CASE("blocks of an ordinary launch may wait for later ones, too", "[unit]") {
  SoftMachine gpu(1);
  REQUIRE(gpu.load(R"(
.visible .entry test(.param .u64 out) {
  .reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<4>;
  ld.param.u64 %rd0, [out];
  atom.global.add.u32 %r1, [%rd0], 1;
WAIT:
  ld.volatile.global.u32 %r1, [%rd0];
  setp.lt.u32 %p2, %r1, 4;
  @%p2 bra WAIT;
  red.global.add.u32 [%rd0+4], 1;
  ret;
})") == "");
  auto& out = gpu.buffer<uint32_t>(2);
  REQUIRE(gpu.run({4, 1, 1}, {1, 1, 1}, {address_of(out)}) == CUDA_SUCCESS);
  CHECK(out[1] == 4);
}

// Two thousand times on one thread: milliseconds at each meeting would be half a minute.
TEST_CASE("blocks of an ordinary launch meet again and again", "[unit]") {
  SoftMachine gpu(1);
  REQUIRE(gpu.load(R"(
.visible .entry test(.param .u64 out) {
  .reg .pred %p<4>; .reg .b32 %r<8>; .reg .b64 %rd<4>;
  ld.param.u64 %rd0, [out];
  mov.u32 %r2, 0;
NEXT:
  add.u32 %r2, %r2, 4;
  red.global.add.u32 [%rd0], 1;
WAIT:
  ld.volatile.global.u32 %r1, [%rd0];
  setp.lt.u32 %p2, %r1, %r2;
  @%p2 bra WAIT;
  setp.lt.u32 %p3, %r2, 8000;
  @%p3 bra NEXT;
  ret;
})") == "");
  auto& out = gpu.buffer<uint32_t>(1);
  REQUIRE(gpu.run({4, 1, 1}, {1, 1, 1}, {address_of(out)}) == CUDA_SUCCESS);
  CHECK(out[0] == 8000);
}

TEST_CASE("dynamic shared memory begins behind the static one and ends where the launch says", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.extern .shared .align 16 .b8 dynamic[];
.visible .entry test(.param .u64 out, .param .u64 index) {
  .reg .b32 %r<8>; .reg .b64 %rd<4>;
  .shared .align 4 .b32 fixed[3];
  ld.param.u64 %rd0, [out];
  ld.param.u32 %r1, [index];
  st.shared.u32 [fixed+8], 1;
  mov.u32 %r2, dynamic;
  mov.u32 %r3, %dynamic_smem_size;
  add.u32 %r4, %r2, %r1;
  st.shared.u32 [%r4], 9;
  st.global.u32 [%rd0], %r2;
  st.global.u32 [%rd0+4], %r3;
  ret;
})") == "");
  auto& out = gpu.buffer<uint32_t>(2);
  REQUIRE(gpu.run({}, {1, 1, 1}, {address_of(out), 60}, 64) == CUDA_SUCCESS);
  CHECK(out[0] == 16);
  CHECK(out[1] == 64);
  CHECK(gpu.run({}, {1, 1, 1}, {address_of(out), 64}, 64) == CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_CASE("an address outside of all ranges, a misaligned one and a store to what may only be read are faults",
          "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.visible .entry test(.param .u64 address) {
  .reg .b32 %r<4>; .reg .b64 %rd<4>;
  ld.param.u64 %rd0, [address];
  mov.u32 %r0, %tid.x;
  mul.wide.u32 %rd1, %r0, 4;
  add.u64 %rd0, %rd0, %rd1;
  ld.global.u32 %r1, [%rd0];
  st.global.u32 [%rd0], %r1;
  ret;
})") == "");
  auto& good = gpu.buffer<uint32_t>(32);
  auto& fixed = gpu.buffer<uint32_t>(32, 0, false);
  CHECK(gpu.run({}, {32, 1, 1}, {address_of(good)}) == CUDA_SUCCESS);
  CHECK(gpu.run({}, {33, 1, 1}, {address_of(good)}) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(gpu.message().find("thread (32,0,0), PTX line 11") != std::string::npos);
  CHECK(gpu.run({}, {32, 1, 1}, {address_of(good) + 2}) == CUDA_ERROR_MISALIGNED_ADDRESS);
  CHECK(gpu.run({}, {32, 1, 1}, {address_of(fixed)}) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(gpu.run({}, {32, 1, 1}, {0}) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(gpu.run({}, {32, 1, 1}, {~uint64_t{0} - 3}) == CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_CASE("a fault in one block ends the others, even those in endless loops", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.visible .entry test() {
  .reg .pred %p<2>; .reg .b32 %r<2>;
  mov.u32 %r0, %ctaid.x;
  setp.eq.u32 %p1, %r0, 1;
  @%p1 trap;
FOREVER:
  bra FOREVER;
})") == "");
  CHECK(gpu.run({2, 1, 1}, {32, 1, 1}, {}) == CUDA_ERROR_LAUNCH_FAILED);
}

TEST_CASE("an instruction that the machine lacks is refused by name and line", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.visible .entry test() {
  .reg .b32 %r<4>;
  add.bogus.u32 %r1, %r2, %r3;
  ret;
})") == "");
  CHECK(gpu.run({}, {1, 1, 1}, {}) == CUDA_ERROR_INVALID_PTX);
  CHECK(gpu.message() == "line 7: unsupported instruction 'add.bogus.u32'");
}

TEST_CASE("a kernel that is refused leaves the others of its module alone", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.visible .entry refused() {
  .reg .b32 %r<4>;
  add.bogus.u32 %r1, %r2, %r3;
  ret;
}
.visible .entry test() {
  ret;
})") == "");
  const auto refused = gpu.program().get_kernel("refused");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().log == "line 7: unsupported instruction 'add.bogus.u32'");
  CHECK(gpu.run({}, {1, 1, 1}, {}) == CUDA_SUCCESS);
}

TEST_CASE("variables larger than any thread or block can have are refused with their kernel", "[unit]") {
  // Of 1 GiB, 32 lanes' areas wrap in 32 bits; of 4 GiB and more, one variable does.
  const char* const bytes = GENERATE("1073741824", "4294967300", "524289");
  const char* const kernel = GENERATE(R"(
.func callee(.param .b8 given[BYTES]) { ret; }
.visible .entry test() { { .param .b8 a[BYTES]; call.uni callee, (a); } ret; })",
                                      R"(
.func callee(.param .b32 n) { ret; }
.visible .entry test() { { .param .b8 a[BYTES]; call.uni callee, (a); } ret; })",
                                      ".visible .entry test(.param .b8 given[BYTES]) { ret; }",
                                      R"(
.visible .entry test() { .local .b8 a[BYTES]; st.local.u8 [a], 1; ret; })",
                                      R"(
.func callee(.param .b8 given[BYTES]) { .reg .b64 %a; mov.b64 %a, given; ret; }
.visible .entry test() { { .param .b8 a[4]; call.uni callee, (a); } ret; })");
  std::string text = kernel;
  for (size_t at; (at = text.find("BYTES")) != text.npos;) text.replace(at, 5, bytes);
  SoftMachine gpu;
  REQUIRE(gpu.load(text) == "");
  CHECK(gpu.run({}, {32, 1, 1}, {}) == CUDA_ERROR_INVALID_PTX);
  CHECK(gpu.message().find("524288") != std::string::npos);
}

TEST_CASE("many variables add up to what is refused", "[unit]") {
  const char* const variables = GENERATE(".local .b8 a<65536>[65536];", ".param .b8 a<65536>[65536];");
  SoftMachine gpu;
  REQUIRE(gpu.load(std::string(".visible .entry test() {") + variables + " ret; }") == "");
  CHECK(gpu.run({}, {32, 1, 1}, {}) == CUDA_ERROR_INVALID_PTX);
}

TEST_CASE("shared variables that do not fit into their window are refused with their kernel", "[unit]") {
  const char* const bytes = GENERATE("8388609", "4294967300");
  SoftMachine gpu;
  REQUIRE(gpu.load(std::string(".visible .entry test() { .shared .b8 a[") + bytes + "]; st.shared.u8 [a], 1; ret; }") ==
          "");
  CHECK(gpu.run({}, {32, 1, 1}, {}) == CUDA_ERROR_INVALID_PTX);
}

TEST_CASE("vprintf formats each lane's arguments", "[unit]") {
  SoftMachine gpu;
  // "%d %5.2f %s|\n"
  REQUIRE(gpu.load(R"(
.extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 a);
.global .align 1 .b8 format[14] = {37, 100, 32, 37, 53, 46, 50, 102, 32, 37, 115, 124, 10, 0};
.global .align 1 .b8 word[3] = {104, 105, 0};
.visible .entry test() {
  .reg .b32 %r<4>; .reg .b64 %rd<8>;
  .local .align 8 .b8 depot[24];
  mov.u64 %rd1, depot;
  cvta.local.u64 %rd2, %rd1;
  mov.u32 %r0, %tid.x;
  st.local.u32 [%rd1], %r0;
  mov.b64 %rd3, 0d4009000000000000;
  st.local.u64 [%rd1+8], %rd3;
  mov.u64 %rd4, word;
  cvta.global.u64 %rd4, %rd4;
  st.local.u64 [%rd1+16], %rd4;
  mov.u64 %rd5, format;
  { .param .b64 f; .param .b64 a; .param .b32 r;
    st.param.b64 [f], %rd5; st.param.b64 [a], %rd2;
    call.uni (r), vprintf, (f, a);
    ld.param.b32 %r1, [r]; }
  ret;
})") == "");
  REQUIRE(gpu.run({}, {2, 1, 1}, {}) == CUDA_SUCCESS);
  CHECK(gpu.output() == "0  3.12 hi|\n1  3.12 hi|\n");
}

TEST_CASE("memory of the in-kernel heap can be used and given back", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.extern .func (.param .b64 r) malloc(.param .b64 size);
.extern .func free(.param .b64 address);
.visible .entry test(.param .u64 out) {
  .reg .b32 %r<4>; .reg .b64 %rd<8>;
  { .param .b64 s; .param .b64 r; st.param.b64 [s], 64; call.uni (r), malloc, (s); ld.param.b64 %rd1, [r]; }
  st.u32 [%rd1+60], 11;
  ld.u32 %r1, [%rd1+60];
  { .param .b64 a; st.param.b64 [a], %rd1; call.uni free, (a); }
  ld.param.u64 %rd0, [out];
  mov.u32 %r0, %tid.x;
  mul.wide.u32 %rd2, %r0, 4;
  add.u64 %rd0, %rd0, %rd2;
  st.global.u32 [%rd0], %r1;
  ret;
})") == "");
  auto& out = gpu.buffer<uint32_t>(40);
  REQUIRE(gpu.run({}, {40, 1, 1}, {address_of(out)}) == CUDA_SUCCESS);
  CHECK(out[39] == 11);
}

TEST_CASE("vectors move between memory and registers, and generic addresses reach shared memory", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.visible .entry test(.param .u64 out) {
  .reg .b32 %r<8>; .reg .b64 %rd<8>; .reg .b16 %h<4>;
  .shared .align 16 .b8 box[512];
  ld.param.u64 %rd0, [out];
  mov.u32 %r0, %tid.x;
  mul.wide.u32 %rd1, %r0, 16;
  add.u64 %rd2, %rd0, %rd1;
  ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%rd2];
  mov.u64 %rd3, box;
  cvta.shared.u64 %rd4, %rd3;
  add.u64 %rd4, %rd4, %rd1;
  st.v4.u32 [%rd4], {%r4, %r3, %r2, %r1};
  ld.v2.u32 {%r5, _}, [%rd4+8];
  ld.shared.s8 %r6, [box+4];
  st.global.v2.u32 [%rd2], {%r5, %r6};
  ret;
})") == "");
  auto& out = gpu.buffer<uint32_t>(128);
  for (uint32_t i = 0; i < 128; ++i) out[i] = 0xf0u + i;
  REQUIRE(gpu.run({}, {32, 1, 1}, {address_of(out)}) == CUDA_SUCCESS);
  CHECK(out[4] == 0xf5u);
  CHECK(out[5] == 0xfffffff2u);
  CHECK(out[6] == 0xf6u);
}
