// SPDX-License-Identifier: Apache-2.0
// The mathematical functions against the CPU's, in units of the last place, float and double. The limits are those of
// the CUDA C++ programming guide, table of maximum errors, with one unit for the CPU's own.
#include "check.h"

#include <cmath>
#include <limits>
#include <vector>

constexpr int kValues = 512;

// name, argument range, expression of x on the device, the same in long double, limits for float and double
#define FUNCTIONS(F)                                                                \
  F(sine, -30, 30, sin(x), sinl(x), 3, 3)                                           \
  F(cosine, -30, 30, cos(x), cosl(x), 3, 3)                                         \
  F(tangent, -1.4, 1.4, tan(x), tanl(x), 5, 3)                                      \
  F(arcsine, -0.99, 0.99, asin(x), asinl(x), 3, 3)                                  \
  F(arccosine, -0.99, 0.99, acos(x), acosl(x), 3, 3)                                \
  F(arctangent, -9, 9, atan(x), atanl(x), 3, 3)                                     \
  F(exponential, -20, 20, exp(x), expl(x), 3, 2)                                    \
  F(base_two, -20, 20, exp2(x), exp2l(x), 3, 2)                                     \
  F(less_one, -3, 3, expm1(x), expm1l(x), 3, 2)                                     \
  F(logarithm, 0.01, 90, log(x), logl(x), 2, 2)                                     \
  F(log_two, 0.01, 90, log2(x), log2l(x), 2, 2)                                     \
  F(log_ten, 0.01, 90, log10(x), log10l(x), 3, 2)                                   \
  F(log_plus, -0.9, 9, log1p(x), log1pl(x), 2, 2)                                   \
  F(power, 0.1, 9, pow(x, T(2.3)), powl(x, static_cast<long double>(T(2.3))), 9, 3) \
  F(root, 0.01, 90, sqrt(x), sqrtl(x), 1, 1)                                        \
  F(cube_root, -90, 90, cbrt(x), cbrtl(x), 2, 2)                                    \
  F(inverse_root, 0.01, 90, rsqrt(x), 1.0L / sqrtl(x), 3, 2)                        \
  F(error, -3, 3, erf(x), erfl(x), 3, 3)                                            \
  F(error_complement, -2, 3, erfc(x), erfcl(x), 5, 6)                               \
  F(gamma_function, 0.5, 9, tgamma(x), tgammal(x), 6, 11)                           \
  F(hyperbolic_sine, -5, 5, sinh(x), sinhl(x), 4, 3)                                \
  F(hyperbolic_cosine, -5, 5, cosh(x), coshl(x), 3, 2)                              \
  F(hyperbolic_tangent, -5, 5, tanh(x), tanhl(x), 3, 3)                             \
  F(length, -9, 9, hypot(x, T(3)), hypotl(x, 3.0L), 4, 3)

#define KERNEL(name, low, high, device, host, ulps_float, ulps_double) \
  template <class T>                                                   \
  __global__ void name(const T* input, T* output) {                    \
    const int i = blockIdx.x * blockDim.x + threadIdx.x;               \
    const T x = input[i];                                              \
    output[i] = device;                                                \
  }
FUNCTIONS(KERNEL)

// Distance in steps of T's own spacing at the exact value.
template <class T>
static double distance(T got, long double exact) {
  const T near = static_cast<T>(exact);
  const T above = std::nextafter(std::fabs(near), std::numeric_limits<T>::infinity());
  return static_cast<double>(fabsl(static_cast<long double>(got) - exact) /
                             (static_cast<long double>(above) - fabsl(near)));
}

template <class T>
static std::vector<T> spread(double low, double high) {
  std::vector<T> values(kValues);
  for (int i = 0; i < kValues; ++i) values[i] = static_cast<T>(low + (high - low) * (i + 0.37) / kValues);
  return values;
}

template <class T>
static void report(const char* name, const std::vector<T>& x, const std::vector<T>& y,
                   const std::vector<long double>& exact, double limit) {
  double worst = 0;
  for (int i = 0; i < kValues; ++i) {
    const double ulps = distance(y[i], exact[i]);
    EXPECT(ulps <= limit, "%s(%.17g) = %.17g, exactly %.20Lg: %.2f units", name, double(x[i]), double(y[i]), exact[i],
           ulps);
    if (ulps > worst) worst = ulps;
  }
  std::printf("  %-20s %-6s %.2f of %g units\n", name, sizeof(T) == 4 ? "float" : "double", worst, limit);
}

#define RUN(name, low, high, device, host, ulps_float, ulps_double)                      \
  {                                                                                      \
    const std::vector<T> arguments = spread<T>(low, high);                               \
    std::vector<T> results(kValues);                                                     \
    std::vector<long double> exact;                                                      \
    for (long double x : arguments) exact.push_back(host);                               \
    input.set(arguments.data());                                                         \
    name<T><<<kValues / 128, 128>>>(input.get(), output.get());                          \
    CHECK_LAUNCH();                                                                      \
    output.read(results.data());                                                         \
    report(#name, arguments, results, exact, sizeof(T) == 4 ? ulps_float : ulps_double); \
  }

template <class T>
static void run_all() {
  DeviceArray<T> input(kValues), output(kValues);
  FUNCTIONS(RUN)
}

__global__ void special(float* out) {
  out[0] = sqrtf(-1.0f);
  out[1] = logf(0.0f);
  out[2] = expf(1000.0f);
  out[3] = 1.0f / out[1];
  out[4] = fmaf(3.0f, 4.0f, 5.0f);
  out[5] = rintf(2.5f);
  out[6] = truncf(-2.7f);
  out[7] = fmodf(7.5f, 2.0f);
}

int main() {
  run_all<float>();
  run_all<double>();
  DeviceArray<float> out(8);
  out.clear();
  special<<<1, 1>>>(out.get());
  CHECK_LAUNCH();
  float s[8];
  out.read(s);
  EXPECT(std::isnan(s[0]) && std::isinf(s[1]) && s[1] < 0 && std::isinf(s[2]), "special: %g %g %g", s[0], s[1], s[2]);
  EXPECT(s[3] == 0 && std::signbit(s[3]), "1 / -inf = %g", s[3]);
  EXPECT(s[4] == 17 && s[5] == 2 && s[6] == -2 && s[7] == 1.5f, "exact: %g %g %g %g", s[4], s[5], s[6], s[7]);
  return pass();
}
