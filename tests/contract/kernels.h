// SPDX-License-Identifier: Apache-2.0
// The kernels of the contract tests as PTX text, written for the oldest target that every driver of today compiles.
#pragma once

namespace contract {

// fill(out, value, count)       out[i] = value
// add(values, term, count)      values[i] += term
// iota(out, count)              out[i] = i
// dimensions(out)               out[0..5] = grid and block size, out[6] += 1 for each thread
// empty()
inline constexpr char kBasicPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.visible .entry fill(.param .u64 out, .param .u32 value, .param .u32 count)
{
  .reg .pred %p;
  .reg .b32 %r<7>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r1, [value];
  ld.param.u32 %r2, [count];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.u32 %r6, %r3, %r4, %r5;
  setp.ge.u32 %p, %r6, %r2;
  @%p bra done;
  cvta.to.global.u64 %rd1, %rd1;
  mul.wide.u32 %rd2, %r6, 4;
  add.u64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r1;
done:
  ret;
}

.visible .entry add(.param .u64 values, .param .u32 term, .param .u32 count)
{
  .reg .pred %p;
  .reg .b32 %r<8>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [values];
  ld.param.u32 %r1, [term];
  ld.param.u32 %r2, [count];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.u32 %r6, %r3, %r4, %r5;
  setp.ge.u32 %p, %r6, %r2;
  @%p bra done;
  cvta.to.global.u64 %rd1, %rd1;
  mul.wide.u32 %rd2, %r6, 4;
  add.u64 %rd3, %rd1, %rd2;
  ld.global.u32 %r7, [%rd3];
  add.u32 %r7, %r7, %r1;
  st.global.u32 [%rd3], %r7;
done:
  ret;
}

.visible .entry iota(.param .u64 out, .param .u32 count)
{
  .reg .pred %p;
  .reg .b32 %r<7>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r2, [count];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.u32 %r6, %r3, %r4, %r5;
  setp.ge.u32 %p, %r6, %r2;
  @%p bra done;
  cvta.to.global.u64 %rd1, %rd1;
  mul.wide.u32 %rd2, %r6, 4;
  add.u64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r6;
done:
  ret;
}

.visible .entry dimensions(.param .u64 out)
{
  .reg .b32 %r<7>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r1, %nctaid.x;
  mov.u32 %r2, %nctaid.y;
  mov.u32 %r3, %nctaid.z;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %ntid.y;
  mov.u32 %r6, %ntid.z;
  st.global.u32 [%rd1], %r1;
  st.global.u32 [%rd1+4], %r2;
  st.global.u32 [%rd1+8], %r3;
  st.global.u32 [%rd1+12], %r4;
  st.global.u32 [%rd1+16], %r5;
  st.global.u32 [%rd1+20], %r6;
  red.global.add.u32 [%rd1+24], 1;
  ret;
}

.visible .entry empty()
{
  ret;
}
)";

// mixed(out, a 1 byte, b 2, c 4, d 8, e float, f double, g 12 bytes aligned to 4)
//   out[0..2] = a, b, c; out[3..4] = d; out[5] = e; out[6..7] = f; out[8..10] = g   (words, as bits)
inline constexpr char kParametersPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.visible .entry mixed(.param .u64 out, .param .u8 a, .param .u16 b, .param .u32 c, .param .u64 d,
                      .param .f32 e, .param .f64 f, .param .align 4 .b8 g[12])
{
  .reg .b16 %h<2>;
  .reg .b32 %r<9>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  ld.param.u8 %r1, [a];
  ld.param.u16 %h1, [b];
  cvt.u32.u16 %r2, %h1;
  ld.param.u32 %r3, [c];
  ld.param.u64 %rd2, [d];
  ld.param.b32 %r4, [e];
  ld.param.b64 %rd3, [f];
  ld.param.u32 %r5, [g];
  ld.param.u32 %r6, [g+4];
  ld.param.u32 %r7, [g+8];
  st.global.u32 [%rd1], %r1;
  st.global.u32 [%rd1+4], %r2;
  st.global.u32 [%rd1+8], %r3;
  mov.b64 {%r1, %r2}, %rd2;
  st.global.u32 [%rd1+12], %r1;
  st.global.u32 [%rd1+16], %r2;
  st.global.u32 [%rd1+20], %r4;
  mov.b64 {%r1, %r2}, %rd3;
  st.global.u32 [%rd1+24], %r1;
  st.global.u32 [%rd1+28], %r2;
  st.global.u32 [%rd1+32], %r5;
  st.global.u32 [%rd1+36], %r6;
  st.global.u32 [%rd1+40], %r7;
  ret;
}
)";

// table, factors: a global array {1, 2, 3, 4} and a constant array {10, 20, 30, 40}; spare: 256 bytes, not initialised
// products(out)   out[i] = table[i] * factors[i], four threads
inline constexpr char kGlobalsPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.visible .global .align 4 .u32 table[4] = {1, 2, 3, 4};
.visible .const .align 4 .u32 factors[4] = {10, 20, 30, 40};
.visible .global .align 8 .b8 spare[256];

.visible .entry products(.param .u64 out)
{
  .reg .b32 %r<5>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd2, %r1, 4;
  mov.u64 %rd3, table;
  add.u64 %rd4, %rd3, %rd2;
  ld.global.u32 %r2, [%rd4];
  mov.u64 %rd5, factors;
  add.u64 %rd6, %rd5, %rd2;
  ld.const.u32 %r3, [%rd6];
  mul.lo.u32 %r4, %r2, %r3;
  add.u64 %rd7, %rd1, %rd2;
  st.global.u32 [%rd7], %r4;
  ret;
}
)";

// bounded: at most 64 threads a block; exact: 32 threads a block; static_shared: 1024 bytes of shared memory;
// dynamic_shared(out, count): out[i] = dynamic shared word i, written by thread count - 1 - i as its own number
inline constexpr char kShapesPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.extern .shared .align 4 .b8 scratch[];

.visible .entry bounded(.param .u64 out)
.maxntid 64, 1, 1
{
  ret;
}

.visible .entry static_shared(.param .u64 out)
{
  .reg .b32 %r<4>;
  .reg .b64 %rd<4>;
  .shared .align 4 .b8 room[1024];
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r1, %tid.x;
  shl.b32 %r2, %r1, 2;
  mov.u32 %r3, room;
  add.u32 %r3, %r3, %r2;
  st.shared.u32 [%r3], %r1;
  bar.sync 0;
  ld.shared.u32 %r1, [%r3];
  cvt.u64.u32 %rd2, %r2;
  add.u64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r1;
  ret;
}

.visible .entry dynamic_shared(.param .u64 out, .param .u32 count)
{
  .reg .b32 %r<8>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r1, [count];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r2, %tid.x;
  sub.u32 %r3, %r1, %r2;
  sub.u32 %r3, %r3, 1;
  shl.b32 %r3, %r3, 2;
  mov.u32 %r4, scratch;
  add.u32 %r5, %r4, %r3;
  st.shared.u32 [%r5], %r2;
  bar.sync 0;
  shl.b32 %r6, %r2, 2;
  add.u32 %r5, %r4, %r6;
  ld.shared.u32 %r7, [%r5];
  cvt.u64.u32 %rd2, %r6;
  add.u64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r7;
  ret;
}

.visible .entry last_word(.param .u64 out, .param .u32 bytes)
{
  .reg .b32 %r<5>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [out];
  ld.param.u32 %r1, [bytes];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r2, scratch;
  add.u32 %r3, %r2, %r1;
  st.shared.u32 [%r3+-4], %r1;
  ld.shared.u32 %r4, [%r3+-4];
  st.global.u32 [%rd1], %r4;
  ret;
}
)";

// meet(counter, out): each block of one thread counts itself, waits until all blocks did, then writes the count
inline constexpr char kClusterPtx[] = R"(
.version 7.8
.target sm_90
.address_size 64

// A block's rank in its cluster, and a hundred times the size of that, into a word of its own.
.visible .entry ranks(.param .u64 out)
{
  .reg .b32 %r<4>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r1, %cluster_ctarank;
  mov.u32 %r2, %cluster_nctarank;
  mad.lo.u32 %r1, %r2, 100, %r1;
  mov.u32 %r3, %ctaid.x;
  mul.wide.u32 %rd2, %r3, 4;
  add.u64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r1;
  ret;
}
)";

inline constexpr char kCooperativePtx[] = R"(
.version 6.4
.target sm_70
.address_size 64

.visible .entry meet(.param .u64 counter, .param .u64 out)
{
  .reg .pred %p;
  .reg .b32 %r<5>;
  .reg .b64 %rd<5>;
  ld.param.u64 %rd1, [counter];
  ld.param.u64 %rd2, [out];
  cvta.to.global.u64 %rd1, %rd1;
  cvta.to.global.u64 %rd2, %rd2;
  mov.u32 %r1, %nctaid.x;
  mov.u32 %r2, %ctaid.x;
  red.global.add.u32 [%rd1], 1;
wait:
  ld.volatile.global.u32 %r3, [%rd1];
  setp.lt.u32 %p, %r3, %r1;
  @%p bra wait;
  mul.wide.u32 %rd3, %r2, 4;
  add.u64 %rd4, %rd2, %rd3;
  st.global.u32 [%rd4], %r3;
  ret;
}
)";

// store(where, value): writes wherever it is told; stop(): trap
inline constexpr char kFaultPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.visible .entry store(.param .u64 where, .param .u32 value)
{
  .reg .b32 %r<2>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [where];
  ld.param.u32 %r1, [value];
  st.u32 [%rd1], %r1;
  ret;
}

.visible .entry stop()
{
  trap;
  ret;
}
)";

// Two modules that only work linked together: caller(out) stores triple(14), and triple lives in the other text.
inline constexpr char kCallerPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.extern .func (.param .b32 result) triple(.param .b32 x);

.visible .entry caller(.param .u64 out)
{
  .reg .b32 %r<3>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [out];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r1, 14;
  {
    .param .b32 x;
    .param .b32 result;
    st.param.b32 [x], %r1;
    call.uni (result), triple, (x);
    ld.param.b32 %r2, [result];
  }
  st.global.u32 [%rd1], %r2;
  ret;
}
)";

inline constexpr char kCalleePtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.visible .func (.param .b32 result) triple(.param .b32 x)
{
  .reg .b32 %r<3>;
  ld.param.b32 %r1, [x];
  mul.lo.u32 %r2, %r1, 3;
  st.param.b32 [result], %r2;
  ret;
}
)";

inline constexpr char kBrokenPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64

.visible .entry broken()
{
  .reg .b32 %r<3>;
  no.such.instruction %r1, %r2;
  ret;
}
)";

// Entries alone, to be put behind a module's own text:
// flip(word, bits)              *word ^= bits
// count(word)                   *word += 1 for each thread
inline constexpr char kWordEntriesPtx[] = R"(
.visible .entry flip(.param .u64 word, .param .u32 bits)
{
  .reg .b32 %r<3>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [word];
  ld.param.u32 %r1, [bits];
  cvta.to.global.u64 %rd1, %rd1;
  ld.global.u32 %r2, [%rd1];
  xor.b32 %r2, %r2, %r1;
  st.global.u32 [%rd1], %r2;
  ret;
}

.visible .entry count(.param .u64 word)
{
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [word];
  cvta.to.global.u64 %rd1, %rd1;
  red.global.add.u32 [%rd1], 1;
  ret;
}
)";

}  // namespace contract
