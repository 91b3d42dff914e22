// SPDX-License-Identifier: Apache-2.0
#include "bench/matrix_product.h"

#include <sstream>

namespace vgpu::bench {
namespace {

// %rd1, %rd2: this thread's elements of the current tiles of a and b. %r20, %r21: where it puts them in shared
// memory. %r22, %r23: its row of the one tile and its column of the other.
constexpr char kBegin[] = R"(
.version 6.4
.target sm_52
.address_size 64
.visible .entry product(.param .u64 c, .param .u64 a, .param .u64 b, .param .u32 n)
{
  .reg .pred %p;
  .reg .f32 %f<5>;
  .reg .b32 %r<30>;
  .reg .b64 %rd<12>;
  .shared .align 16 .b8 tile_a[1024];
  .shared .align 16 .b8 tile_b[1024];
  ld.param.u64 %rd0, [c];
  ld.param.u64 %rd1, [a];
  ld.param.u64 %rd2, [b];
  ld.param.u32 %r1, [n];
  cvta.to.global.u64 %rd0, %rd0;
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd2, %rd2;
  mov.u32 %r2, %tid.x;
  mov.u32 %r3, %tid.y;
  mov.u32 %r4, %ctaid.x;
  mov.u32 %r5, %ctaid.y;
  shl.b32 %r6, %r4, 4;
  add.u32 %r6, %r6, %r2;
  shl.b32 %r7, %r5, 4;
  add.u32 %r7, %r7, %r3;
  mad.lo.u32 %r8, %r7, %r1, %r2;
  mul.wide.u32 %rd3, %r8, 4;
  add.u64 %rd1, %rd1, %rd3;
  mad.lo.u32 %r9, %r3, %r1, %r6;
  mul.wide.u32 %rd4, %r9, 4;
  add.u64 %rd2, %rd2, %rd4;
  mad.lo.u32 %r10, %r7, %r1, %r6;
  mul.wide.u32 %rd5, %r10, 4;
  add.u64 %rd0, %rd0, %rd5;
  shl.b32 %r11, %r1, 6;
  cvt.u64.u32 %rd6, %r11;
  mov.u32 %r12, tile_a;
  mov.u32 %r13, tile_b;
  shl.b32 %r14, %r3, 6;
  shl.b32 %r15, %r2, 2;
  add.u32 %r22, %r12, %r14;
  add.u32 %r23, %r13, %r15;
  add.u32 %r20, %r22, %r15;
  add.u32 %r21, %r23, %r14;
  mov.u32 %r24, 0;
  mov.f32 %f0, 0f00000000;
)";

constexpr char kLabel[] = "tiles:\n";

constexpr char kLoad[] = R"(  ld.global.f32 %f1, [%rd1];
  ld.global.f32 %f2, [%rd2];
  st.shared.f32 [%r20], %f1;
  st.shared.f32 [%r21], %f2;
  bar.sync 0;
)";

constexpr char kNext[] = R"(  bar.sync 0;
  add.u64 %rd1, %rd1, 64;
  add.u64 %rd2, %rd2, %rd6;
  add.u32 %r24, %r24, 16;
  setp.lt.u32 %p, %r24, %r1;
  @%p bra tiles;
)";

constexpr char kEnd[] = R"(  st.global.f32 [%rd0], %f0;
  ret;
}
)";

std::string inner_product() {
  std::ostringstream text;
  for (int i = 0; i < kTile; ++i)
    text << "  ld.shared.f32 %f3, [%r22+" << 4 * i << "];\n"
         << "  ld.shared.f32 %f4, [%r23+" << 4 * kTile * i << "];\n"
         << "  fma.rn.f32 %f0, %f3, %f4, %f0;\n";
  return text.str();
}

std::string loop() { return kLoad + inner_product() + kNext; }

}  // namespace

std::string matrix_product_ptx(const std::string& remark) { return "// " + remark + kBegin + kLabel + loop() + kEnd; }

int instructions_per_tile() {
  int count = 0;
  for (const char letter : loop()) count += letter == ';';
  return count;
}

}  // namespace vgpu::bench
