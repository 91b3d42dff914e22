// SPDX-License-Identifier: Apache-2.0
// The hard pieces of the software GPU's arithmetic, against plain definitions computed with more precision.
#define VGPU_ISA arithmetic_tests

#include <cmath>
#include <cstdint>
#include <random>

#include "softgpu/machine/ops/approximate.h"
#include "softgpu/machine/ops/round.h"
#include "tests/support/test.h"

namespace vgpu::soft::arithmetic_tests {
namespace {

// The definition of a rounding: `value` in steps of the format's last place at its magnitude. Exact in double.
double rounded_to(double value, int fraction_bits, int smallest_exponent, Rounding rounding) {
  if (value == 0) return value;
  const int exponent = std::max(std::ilogb(value), smallest_exponent);
  const double steps = std::ldexp(value, fraction_bits - exponent);
  const double whole = rounding == kNearestEven   ? std::nearbyint(steps)
                       : rounding == kTowardsZero ? std::trunc(steps)
                       : rounding == kDown        ? std::floor(steps)
                                                  : std::ceil(steps);
  return std::ldexp(whole, exponent - fraction_bits);
}

double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (bits & 0x8000) != 0 ? -size : size;
}

// Neighbours of all f16 values and of the midpoints between them: where rounding decides.
template <class Check>
void at_every_boundary(Check check) {
  for (uint32_t bits = 0; bits < Half::kInfinity; ++bits) {
    const double below = half_value(static_cast<uint16_t>(bits)), above = half_value(static_cast<uint16_t>(bits + 1));
    const auto middle = static_cast<float>(bits + 1 < Half::kInfinity ? (below + above) / 2 : 65520.0);
    for (float value :
         {static_cast<float>(below), std::nextafterf(middle, 0.0f), middle, std::nextafterf(middle, 1e9f)}) {
      check(value);
      check(-value);
    }
  }
}

TEST_CASE("every f16 widens to its value", "[unit]") {
  unsigned wrong = 0;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    if (Half::is_nan(half)) wrong += !std::isnan(half_to_float(half));
    else if ((half & Half::kMagnitude) == Half::kInfinity) wrong += !std::isinf(half_to_float(half));
    else wrong += static_cast<double>(half_to_float(half)) != half_value(half);
  }
  REQUIRE(wrong == 0);
}

TEST_CASE("every f16 but a NaN survives widening and narrowing", "[unit]") {
  unsigned wrong = 0;
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<uint16_t>(bits);
    wrong += float_to_half(half_to_float(half)) != (Half::is_nan(half) ? Half::kNan : half);
  }
  REQUIRE(wrong == 0);
}

TEST_CASE("narrowing to f16 rounds as defined at every boundary in every mode", "[unit]") {
  const auto rounding = GENERATE(kNearestEven, kTowardsZero, kDown, kUp);
  unsigned wrong = 0;
  at_every_boundary([&](float value) {
    const double want = rounded_to(value, 10, -14, rounding);
    const uint16_t got = round_to(HalfOps{}, value, rounding);
    const double limited = std::fabs(want) < 65536.0 ? want : std::copysign(HUGE_VAL, want);
    wrong += static_cast<double>(half_to_float(got)) != limited;
  });
  REQUIRE(wrong == 0);
}

TEST_CASE("what exceeds f16 becomes infinity or the largest number as the mode says", "[unit]") {
  REQUIRE(round_to(HalfOps{}, 1e9f, kNearestEven) == 0x7c00);
  REQUIRE(round_to(HalfOps{}, 1e9f, kTowardsZero) == 0x7bff);
  REQUIRE(round_to(HalfOps{}, 1e9f, kDown) == 0x7bff);
  REQUIRE(round_to(HalfOps{}, 1e9f, kUp) == 0x7c00);
  REQUIRE(round_to(HalfOps{}, -1e9f, kDown) == 0xfc00);
  REQUIRE(round_to(HalfOps{}, -1e9f, kUp) == 0xfbff);
}

TEST_CASE("narrowing to bf16 rounds to nearest even and keeps infinities", "[unit]") {
  REQUIRE(float_to_bfloat(as_float(0x3f808000)) == 0x3f80);
  REQUIRE(float_to_bfloat(as_float(0x3f818000)) == 0x3f82);
  REQUIRE(float_to_bfloat(as_float(0x3f808001)) == 0x3f81);
  REQUIRE(float_to_bfloat(as_float(0x7f7fffff)) == 0x7f80);
  REQUIRE(float_to_bfloat(as_float(0xff800000)) == 0xff80);
  REQUIRE(float_to_bfloat(as_float(0xff800001)) == 0x7fff);
}

TEST_CASE("a fused f16 product and sum is rounded once", "[unit]") {
  std::mt19937 random(1);
  unsigned wrong = 0;
  for (int i = 0; i < 300000; ++i) {
    const auto pick = [&](uint32_t limit) { return static_cast<uint16_t>((random() % limit) | (random() & 0x8000)); };
    const uint16_t a = pick(0x5000), b = pick(0x5000), c = pick(0x7c00);
    // 22 digits times, plus 11: exact in a long double, whose 64 digits span what does not overflow.
    const long double exact =
        static_cast<long double>(half_value(a)) * half_value(b) + static_cast<long double>(half_value(c));
    const uint16_t got = float_to_half(HalfOps::fused(half_to_float(a), half_to_float(b), half_to_float(c)));
    const int exponent = std::max(exact == 0 ? -14 : static_cast<int>(std::ilogb(exact)), -14);
    const long double want = std::ldexp(std::nearbyint(std::ldexp(exact, 10 - exponent)), exponent - 10);
    wrong += static_cast<long double>(half_to_float(got)) !=
             (std::fabs(want) < 65536.0L ? want : std::copysign(HUGE_VALL, want));
  }
  REQUIRE(wrong == 0);
}

TEST_CASE("a double narrowed to odd has an odd last place when it is inexact", "[unit]") {
  REQUIRE(as_bits(narrow_to_odd(1.0 + 0x1p-40)) == 0x3f800001);
  REQUIRE(as_bits(narrow_to_odd(1.0 - 0x1p-40)) == 0x3f7fffff);
  REQUIRE(as_bits(narrow_to_odd(1.5)) == 0x3fc00000);
  REQUIRE(as_bits(narrow_to_odd(1e300)) == 0x7f7fffff);
  REQUIRE(as_bits(narrow_to_odd(-1e-300)) == 0x80000001);
}

TEST_CASE("a sum rounded to odd lies between the neighbours of the exact sum", "[unit]") {
  const float sum = 1.0f + 0x1p-30f;
  REQUIRE(as_bits(to_odd(sum, 1.0f, 0x1p-30f)) == 0x3f800001);
  const float difference = 1.0f - 0x1p-30f;
  REQUIRE(as_bits(to_odd(difference, 1.0f, -0x1p-30f)) == 0x3f7fffff);
  REQUIRE(as_bits(to_odd(3.0f, 1.0f, 2.0f)) == as_bits(3.0f));
}

TEST_CASE("the host's modes round, and flush what is below the normal range after rounding", "[unit]") {
  volatile float third = 3.0f, one = 1.0f, tiny = as_float(0x00800000), below_one = as_float(0x3f7fffff);
  _mm_setcsr(float_mode(kUp, false));
  const float up = one / third;
  _mm_setcsr(float_mode(kDown, false));
  const float down = one / third;
  _mm_setcsr(float_mode(kNearestEven, true));
  const float flushed = tiny * below_one;
  _mm_setcsr(kDefaultMode);
  REQUIRE(as_bits(up) == 0x3eaaaaab);
  REQUIRE(as_bits(down) == 0x3eaaaaaa);
  REQUIRE(as_bits(flushed) == 0);
}

// Distance in units of the last place of the expected float.
double error_in_ulp(float got, double want) {
  const auto nearest = static_cast<float>(want);
  const double place = std::ldexp(1.0, std::max(std::ilogb(nearest), -126) - 23);
  return std::fabs(static_cast<double>(got) - want) / place;
}

template <class Function, class Reference>
double worst_error(float from, float to, Function function, Reference reference) {
  double worst = 0;
  for (int i = 0; i <= 100000; ++i) {
    const float x = from + (to - from) * static_cast<float>(i) / 100000.0f;
    const double want = reference(static_cast<double>(x));
    if (want != 0) worst = std::max(worst, error_in_ulp(function(x), want));
  }
  return worst;
}

TEST_CASE("the approximate functions are within one ulp", "[unit]") {
  REQUIRE(worst_error(-126, 127, exp2_of, [](double x) { return std::exp2(x); }) < 0.55);
  REQUIRE(worst_error(1e-3f, 40, log2_of, [](double x) { return std::log2(x); }) < 0.55);
  REQUIRE(worst_error(-100, 100, sine_of, [](double x) { return std::sin(x); }) < 0.55);
  REQUIRE(worst_error(-100, 100, cosine_of, [](double x) { return std::cos(x); }) < 0.55);
  REQUIRE(worst_error(-12, 12, tanh_of, [](double x) { return std::tanh(x); }) < 0.55);
  REQUIRE(worst_error(-0.02f, 0.02f, tanh_of, [](double x) { return std::tanh(x); }) < 0.55);
}

TEST_CASE("the approximate functions are exact at the ends", "[unit]") {
  const float infinity = HUGE_VALF;
  REQUIRE(exp2_of(infinity) == infinity);
  REQUIRE(exp2_of(-infinity) == 0);
  REQUIRE(exp2_of(-149) == as_float(1));
  REQUIRE(log2_of(0) == -infinity);
  REQUIRE(log2_of(as_float(1)) == -149);
  REQUIRE(log2_of(infinity) == infinity);
  REQUIRE(std::isnan(log2_of(-1)));
  REQUIRE(std::isnan(sine_of(infinity)));
  REQUIRE(std::signbit(sine_of(-0.0f)));
  REQUIRE(cosine_of(0) == 1);
  REQUIRE(tanh_of(infinity) == 1);
  REQUIRE(tanh_of(-infinity) == -1);
}

}  // namespace
}  // namespace vgpu::soft::arithmetic_tests
