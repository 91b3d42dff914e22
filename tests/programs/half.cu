// SPDX-License-Identifier: Apache-2.0
// Sixteen-bit floats: IEEE half and bfloat16, scalar and packed, conversions with rounding, comparisons, atomics.
#include "check.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cmath>
#include <vector>

constexpr int kValues = 256;

__global__ void halves(const float* x, const float* y, float* out) {
  const int i = threadIdx.x;
  const __half a = __float2half_rn(x[i]), b = __float2half_rn(y[i]);
  out[i] = __half2float(__hadd(a, b));
  out[kValues + i] = __half2float(__hmul(a, b));
  out[2 * kValues + i] = __half2float(__hfma(a, b, __float2half(1.0f)));
  const __half2 pair = __hadd2(__halves2half2(a, b), __halves2half2(b, b));
  out[3 * kValues + i] = __low2float(pair) + __high2float(pair);
  out[4 * kValues + i] = __hlt(a, b) ? 1.0f : 0.0f;
}

__global__ void brains(const float* x, const float* y, float* out) {
  const int i = threadIdx.x;
  const __nv_bfloat16 a = __float2bfloat16(x[i]), b = __float2bfloat16(y[i]);
  out[i] = __bfloat162float(__hadd(a, b));
  out[kValues + i] = __bfloat162float(__hmul(a, b));
}

__global__ void count(__half* sum) { atomicAdd(sum, __float2half(1.0f)); }

// Rounds to a float with this many significant bits, to nearest, ties to even; the sizes here stay normal numbers.
static float rounded(double value, int bits) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return static_cast<float>(std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits));
}

static void expect(const char* what, int i, float got, float expected) {
  EXPECT(got == expected, "%s %d: %.9g, expected %.9g", what, i, got, expected);
}

int main() {
  std::vector<float> x(kValues), y(kValues), out(5 * kValues);
  Random random;
  for (int i = 0; i < kValues; ++i) {
    x[i] = static_cast<float>(1.0 + 30 * random.unit());
    y[i] = static_cast<float>(1.0 + 30 * random.unit());
  }
  DeviceArray<float> dx(kValues), dy(kValues), dout(out.size());
  dx.set(x.data());
  dy.set(y.data());
  halves<<<1, kValues>>>(dx.get(), dy.get(), dout.get());
  CHECK_LAUNCH();
  dout.read(out.data());
  for (int i = 0; i < kValues; ++i) {
    const double a = rounded(x[i], 11), b = rounded(y[i], 11);
    expect("half sum", i, out[i], rounded(a + b, 11));
    expect("half product", i, out[kValues + i], rounded(a * b, 11));
    expect("half fused", i, out[2 * kValues + i], rounded(a * b + 1, 11));
    expect("half pair", i, out[3 * kValues + i], rounded(a + b, 11) + rounded(b + b, 11));
    expect("half less", i, out[4 * kValues + i], a < b ? 1.0f : 0.0f);
  }
  std::printf("half: %g + %g = %g\n", x[0], y[0], out[0]);
  brains<<<1, kValues>>>(dx.get(), dy.get(), dout.get());
  CHECK_LAUNCH();
  dout.read(out.data());
  for (int i = 0; i < kValues; ++i) {
    const double a = rounded(x[i], 8), b = rounded(y[i], 8);
    expect("bfloat sum", i, out[i], rounded(a + b, 8));
    expect("bfloat product", i, out[kValues + i], rounded(a * b, 8));
  }
  std::printf("bfloat16: %g + %g = %g\n", x[0], y[0], out[0]);
  DeviceArray<__half> sum(2);
  sum.clear();
  count<<<4, 128>>>(sum.get());
  CHECK_LAUNCH();
  __half got[2];
  sum.read(got);
  expect("atomic half", 0, __half2float(got[0]), 512.0f);
  expect("its neighbour", 1, __half2float(got[1]), 0.0f);
  return pass();
}
