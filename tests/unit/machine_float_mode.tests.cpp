// SPDX-License-Identifier: Apache-2.0
// Kernels compute the same whatever floating-point mode the launching thread is in, and leave it alone.
#include <xmmintrin.h>

#include "tests/support/soft_machine.h"
#include "tests/support/test.h"

using vgpu::soft::test::address_of;
using vgpu::soft::test::SoftMachine;

namespace {

// All exceptions masked, rounding towards zero, subnormals flushed on both sides.
constexpr unsigned kForeignMode = 0xffc0;

// Halves the smallest normal f32: subnormal without .ftz, zero with it.
constexpr const char* kHalves = R"(
.visible .entry test(.param .u64 out) {
  .reg .f32 %f<3>; .reg .b64 %rd; .reg .b32 %r;
  ld.param.u64 %rd, [out];
  mov.b32 %r, 0x00800000;
  mov.b32 %f0, %r;
  mul.rn.ftz.f32 %f1, %f0, 0f3F000000;
  mul.rn.f32 %f2, %f0, 0f3F000000;
  st.global.f32 [%rd], %f1;
  st.global.f32 [%rd+4], %f2;
  ret;
})";

}  // namespace

TEST_CASE("a launch from a thread that flushes subnormals keeps them where PTX does", "[unit]") {
  SoftMachine gpu;
  REQUIRE(gpu.load(kHalves) == "");
  auto& out = gpu.buffer<uint32_t>(2, 1u);
  const unsigned before = _mm_getcsr();
  _mm_setcsr(kForeignMode);
  const CUresult result = gpu.run({}, {1, 1, 1}, {address_of(out)});
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  REQUIRE(result == CUDA_SUCCESS);
  CHECK(out[0] == 0);
  CHECK(out[1] == 0x00400000);
  CHECK((after & 0xffc0u) == kForeignMode);
}
