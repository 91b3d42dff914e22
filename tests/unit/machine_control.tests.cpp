// SPDX-License-Identifier: Apache-2.0
// Divergence and reconvergence, forward progress between lanes, calls. Kernels are written in PTX, one warp each unless
// the behaviour needs more; every lane writes its result to out[tid].
#include "tests/support/soft_machine.h"
#include "tests/support/test.h"

using vgpu::soft::test::address_of;
using vgpu::soft::test::SoftMachine;

namespace {

// The frame of a kernel test(out): %r0 = tid, %rd0 = &out[tid].
std::string kernel(const std::string& body, const std::string& before = "") {
  return before + R"(
.visible .entry test(.param .u64 out) {
  .reg .pred %p<16>; .reg .b32 %r<64>; .reg .b64 %rd<16>;
  mov.u32 %r0, %tid.x;
  ld.param.u64 %rd0, [out];
  mul.wide.u32 %rd1, %r0, 4;
  add.u64 %rd0, %rd0, %rd1;
)" + body +
         "\n}\n";
}

std::vector<uint32_t> run_warp(SoftMachine& gpu, const std::string& text, uint32_t threads = 32) {
  REQUIRE(gpu.load(text) == "");
  auto& out = gpu.buffer<uint32_t>(threads);
  const CUresult result = gpu.run({}, {threads, 1, 1}, {address_of(out)});
  INFO(gpu.message());
  REQUIRE(result == CUDA_SUCCESS);
  return out;
}

}  // namespace

TEST_CASE("both sides of a divergent branch run, and the lanes meet behind it", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    and.b32 %r1, %r0, 1;
    setp.eq.u32 %p1, %r1, 0;
    @%p1 bra EVEN;
    mov.u32 %r2, 100;
    bra.uni MEET;
  EVEN:
    mov.u32 %r2, 200;
  MEET:
    activemask.b32 %r3;
    popc.b32 %r3, %r3;
    add.u32 %r2, %r2, %r3;
    st.global.u32 [%rd0], %r2;
    ret;)"));
  for (uint32_t i = 0; i < 32; ++i) CHECK(out[i] == (i % 2 == 0 ? 232u : 132u));
}

TEST_CASE("lanes that leave a loop at different times meet behind it", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    mov.u32 %r1, 0;
  LOOP:
    add.u32 %r1, %r1, 3;
    mul.lo.u32 %r2, %r0, 3;
    setp.le.u32 %p1, %r1, %r2;
    @%p1 bra LOOP;
    activemask.b32 %r3;
    popc.b32 %r3, %r3;
    mad.lo.u32 %r1, %r3, 1000, %r1;
    st.global.u32 [%rd0], %r1;
    ret;)"));
  for (uint32_t i = 0; i < 32; ++i) CHECK(out[i] == 32000 + 3 * (i + 1));
}

TEST_CASE("nested divergence meets inside out", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    mov.u32 %r5, 0;
    setp.lt.u32 %p1, %r0, 16;
    @!%p1 bra OUTER_ELSE;
    and.b32 %r1, %r0, 1;
    setp.eq.u32 %p2, %r1, 0;
    @!%p2 bra INNER_END;
    add.u32 %r5, %r5, 1;
  INNER_END:
    activemask.b32 %r3;
    popc.b32 %r3, %r3;
    mad.lo.u32 %r5, %r3, 10, %r5;
    bra OUTER_END;
  OUTER_ELSE:
    mov.u32 %r5, 7;
  OUTER_END:
    activemask.b32 %r3;
    popc.b32 %r3, %r3;
    mad.lo.u32 %r5, %r3, 1000, %r5;
    st.global.u32 [%rd0], %r5;
    ret;)"));
  for (uint32_t i = 0; i < 32; ++i) CHECK(out[i] == 32000 + (i < 16 ? 160 + (i % 2 == 0 ? 1 : 0) : 7));
}

TEST_CASE("break out of an inner loop and early exit leave the others running", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    st.global.u32 [%rd0], 77;
    setp.gt.u32 %p1, %r0, 27;
    @%p1 exit;
    mov.u32 %r1, 0;
    mov.u32 %r4, 0;
  OUTER:
    mov.u32 %r2, 0;
  INNER:
    add.u32 %r4, %r4, 1;
    setp.eq.u32 %p2, %r2, %r0;
    @%p2 bra BROKEN;
    add.u32 %r2, %r2, 1;
    setp.lt.u32 %p3, %r2, 5;
    @%p3 bra INNER;
  BROKEN:
    add.u32 %r1, %r1, 1;
    setp.eq.u32 %p4, %r0, 20;
    @%p4 ret;
    setp.lt.u32 %p5, %r1, 3;
    @%p5 bra OUTER;
    activemask.b32 %r5;
    popc.b32 %r5, %r5;
    mad.lo.u32 %r4, %r5, 100, %r4;
    st.global.u32 [%rd0], %r4;
    ret;)"));
  for (uint32_t i = 0; i < 32; ++i) {
    const uint32_t per_pass = i < 5 ? i + 1 : 5;
    CHECK(out[i] == (i > 27 || i == 20 ? 77 : 2700 + 3 * per_pass));
  }
}

TEST_CASE("brx.idx takes each lane to its target", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    and.b32 %r1, %r0, 3;
    TARGETS: .branchtargets A, B, C, A;
    brx.idx %r1, TARGETS;
  A: mov.u32 %r2, 1; bra END;
  B: mov.u32 %r2, 2; bra END;
  C: mov.u32 %r2, 3;
  END:
    activemask.b32 %r3;
    popc.b32 %r3, %r3;
    mad.lo.u32 %r2, %r3, 10, %r2;
    st.global.u32 [%rd0], %r2;
    ret;)"));
  const uint32_t expected[] = {321, 322, 323, 321};
  for (uint32_t i = 0; i < 32; ++i) CHECK(out[i] == expected[i % 4]);
}

TEST_CASE("a spin lock between lanes of one warp makes progress", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
  SPIN:
    atom.global.cas.b32 %r1, [lock], 0, 1;
    setp.ne.u32 %p1, %r1, 0;
    @%p1 bra SPIN;
    ld.volatile.global.u32 %r2, [counter];
    add.u32 %r2, %r2, 1;
    st.volatile.global.u32 [counter], %r2;
    membar.gl;
    atom.global.exch.b32 %r1, [lock], 0;
    st.global.u32 [%rd0], %r2;
    ret;)",
                                        ".global .u32 lock = 0;\n.global .u32 counter = 0;\n"));
  uint64_t sum = 0;
  for (uint32_t value : out) sum += value;
  CHECK(sum == 32 * 33 / 2);
}

TEST_CASE("a lane that waits for another one's plain store gets there", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    setp.eq.u32 %p1, %r0, 31;
    @%p1 bra SET;
  WAIT:
    ld.global.u32 %r1, [flag];
    setp.eq.u32 %p2, %r1, 0;
    @%p2 bra WAIT;
    bra DONE;
  SET:
    st.global.u32 [flag], 5;
    mov.u32 %r1, 6;
  DONE:
    st.global.u32 [%rd0], %r1;
    ret;)",
                                        ".global .u32 flag = 0;\n"));
  CHECK(out[0] == 5);
  CHECK(out[31] == 6);
}

TEST_CASE("a warp-wide shuffle gathers lanes from different branches", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    setp.lt.u32 %p1, %r0, 16;
    @%p1 bra LOW;
    add.u32 %r1, %r0, 100;
    shfl.sync.bfly.b32 %r2, %r1, 16, 31, 0xffffffff;
    bra END;
  LOW:
    add.u32 %r1, %r0, 200;
    shfl.sync.bfly.b32 %r2, %r1, 16, 31, 0xffffffff;
  END:
    st.global.u32 [%rd0], %r2;
    ret;)"));
  for (uint32_t i = 0; i < 32; ++i) CHECK(out[i] == (i < 16 ? i + 16 + 100 : i - 16 + 200));
}

TEST_CASE("groups of a warp synchronise with masks of their own", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    shr.u32 %r1, %r0, 3;
    shl.b32 %r1, %r1, 3;
    shl.b32 %r2, 255, %r1;
    setp.lt.u32 %p1, %r0, 12;
    vote.sync.ballot.b32 %r3, %p1, %r2;
    bar.warp.sync %r2;
    st.global.u32 [%rd0], %r3;
    ret;)"));
  CHECK(out[0] == 0xffu);
  CHECK(out[8] == 0xf00u);
  CHECK(out[16] == 0);
}

TEST_CASE("vote, match and redux count only lanes that have not exited", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    setp.ge.u32 %p1, %r0, 24;
    @%p1 exit;
    setp.ge.u32 %p2, %r0, 0;
    vote.sync.all.pred %p3, %p2, 0xffffffff;
    shr.u32 %r1, %r0, 4;
    match.any.sync.b32 %r2, %r1, 0xffffffff;
    popc.b32 %r2, %r2;
    selp.u32 %r3, 100, 0, %p3;
    add.u32 %r2, %r2, %r3;
    st.global.u32 [%rd0], %r2;
    ret;)"));
  CHECK(out[0] == 116);
  CHECK(out[20] == 108);
}

TEST_CASE("recursion gives every activation its own registers", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    and.b32 %r1, %r0, 15;
    { .param .b32 a; .param .b32 r;
      st.param.b32 [a], %r1;
      call.uni (r), fib, (a);
      ld.param.b32 %r2, [r]; }
    st.global.u32 [%rd0], %r2;
    ret;)",
                                        R"(
.func (.param .b32 result) fib(.param .b32 n) {
  .reg .pred %p<2>; .reg .b32 %r<8>;
  ld.param.u32 %r1, [n];
  mov.u32 %r5, %r1;
  setp.lt.u32 %p1, %r1, 2;
  @%p1 bra DONE;
  sub.u32 %r2, %r1, 1;
  { .param .b32 a; .param .b32 r;
    st.param.b32 [a], %r2;
    call.uni (r), fib, (a);
    ld.param.b32 %r3, [r]; }
  sub.u32 %r2, %r1, 2;
  { .param .b32 a; .param .b32 r;
    st.param.b32 [a], %r2;
    call.uni (r), fib, (a);
    ld.param.b32 %r4, [r]; }
  add.u32 %r5, %r3, %r4;
DONE:
  st.param.b32 [result], %r5;
  ret;
}
)"));
  const uint32_t fib[] = {0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610};
  for (uint32_t i = 0; i < 32; ++i) CHECK(out[i] == fib[i % 16]);
}

TEST_CASE("unbounded recursion ends with a stack fault", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(R"(
.func down(.param .b32 n) {
  .reg .b32 %r<2>;
  ld.param.u32 %r1, [n];
  { .param .b32 a; st.param.b32 [a], %r1; call.uni down, (a); }
  ret;
}
.visible .entry test() { { .param .b32 a; st.param.b32 [a], 1; call.uni down, (a); } ret; })") == "");
  CHECK(gpu.run({}, {32, 1, 1}, {}) == CUDA_ERROR_HARDWARE_STACK_ERROR);
}

TEST_CASE("a call stack larger than a thread's local memory can be is not made", "[unit]") {
  SoftMachine gpu;
  gpu.call_stack_bytes = 1u << 30;
  REQUIRE(gpu.load(R"(
.func down() { call.uni down; ret; }
.visible .entry test() { call.uni down; ret; })") == "");
  CHECK(gpu.run({}, {32, 1, 1}, {}) == CUDA_ERROR_HARDWARE_STACK_ERROR);
}

TEST_CASE("recursion of a function with many registers ends with a stack fault", "[unit]") {
  std::string body;
  for (int i = 1; i < 4000; ++i) {
    const std::string number = std::to_string(i);
    body += "  add.u64 %r" + number + ", %r" + std::to_string(i - 1) + ", " + number + ";\n";
  }
  SoftMachine gpu;
  gpu.call_stack_bytes = 512 << 10;
  REQUIRE(gpu.load(".func down() {\n  .reg .b64 %r<4000>;\n" + body +
                   "  call.uni down;\n  ret;\n}\n.visible .entry test() { call.uni down; ret; }") == "");
  CHECK(gpu.run({}, {32, 1, 1}, {}) == CUDA_ERROR_HARDWARE_STACK_ERROR);
}

TEST_CASE("a block whose threads need more memory than there is room for is not started", "[unit]") {
  std::string functions, calls;
  for (int i = 0; i < 9; ++i) {
    const std::string name = "f" + std::to_string(i);
    functions += ".func " + name + "() { .local .b8 a[524288]; st.local.u8 [a], 1; ret; }\n";
    calls += " call.uni " + name + ";";
  }
  SoftMachine gpu;
  REQUIRE(gpu.load(functions + ".visible .entry test() {" + calls + " ret; }") == "");
  CHECK(gpu.run({}, {1024, 1, 1}, {}) == CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  CHECK(gpu.run({}, {1, 1, 1}, {}) == CUDA_SUCCESS);
}

TEST_CASE("jump tables whose lists are used again and again are refused when they grow out of bounds", "[unit]") {
  std::string text = ".visible .entry test() {\n  .reg .b32 %i;\n  mov.u32 %i, 0;\nLIST: .branchtargets END";
  for (int i = 0; i < 2000; ++i) text += ", END";
  text += ";\n";
  for (int i = 0; i < 2000; ++i) text += "  brx.idx %i, LIST;\n";
  SoftMachine gpu;
  REQUIRE(gpu.load(text + "END:\n  ret;\n}") == "");
  CHECK(gpu.run({}, {32, 1, 1}, {}) == CUDA_ERROR_INVALID_PTX);
}

TEST_CASE("an indirect call goes to each lane's function, and lanes keep their local variables", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    and.b32 %r1, %r0, 1;
    mul.wide.u32 %rd2, %r1, 8;
    mov.u64 %rd3, table;
    add.u64 %rd3, %rd3, %rd2;
    ld.global.u64 %rd4, [%rd3];
    { .param .b32 a; .param .b32 r;
      st.param.b32 [a], %r0;
      proto: .callprototype (.param .b32 _) _ (.param .b32 _);
      call (r), %rd4, (a), proto;
      ld.param.b32 %r2, [r]; }
    activemask.b32 %r3;
    popc.b32 %r3, %r3;
    mad.lo.u32 %r2, %r3, 1000, %r2;
    st.global.u32 [%rd0], %r2;
    ret;)",
                                        R"(
.func (.param .b32 result) twice(.param .b32 n) {
  .reg .b32 %r<4>; .reg .b64 %rd<4>; .local .align 4 .b32 box[2];
  ld.param.u32 %r1, [n];
  mov.u64 %rd1, box;
  st.local.u32 [%rd1+4], %r1;
  cvta.local.u64 %rd2, %rd1;
  ld.u32 %r2, [%rd2+4];
  add.u32 %r2, %r2, %r1;
  st.param.b32 [result], %r2;
  ret;
}
.func (.param .b32 result) seven(.param .b32 n) {
  st.param.b32 [result], 7;
  ret;
}
.global .align 8 .u64 table[2] = {twice, seven};
)"));
  for (uint32_t i = 0; i < 32; ++i) CHECK(out[i] == 32000 + (i % 2 == 0 ? 2 * i : 7));
}

TEST_CASE("a guarded call runs for the lanes of the guard only", "[unit]") {
  SoftMachine gpu;
  const auto out = run_warp(gpu, kernel(R"(
    setp.lt.u32 %p1, %r0, 4;
    mov.u32 %r2, 1;
    @%p1 call (%r2), old_style, (%r0);
    st.global.u32 [%rd0], %r2;
    ret;)",
                                        R"(
.func (.reg .u32 %result) old_style(.reg .u32 %n) {
  add.u32 %result, %n, 50;
  ret;
}
)"));
  for (uint32_t i = 0; i < 32; ++i) CHECK(out[i] == (i < 4 ? i + 50 : 1));
}
