// SPDX-License-Identifier: Apache-2.0
// div, rcp and sqrt of f32 and f64 with a rounding mode, exactly (PTX ISA 9.7.3.8, 9.7.3.13, 9.7.3.15). The approximate
// forms are in float_approximate.cpp.
#include <emmintrin.h>

#include "softgpu/machine/ops/float_format.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// Of two NaN operands of a quotient the first wins, unlike of a product.
VGPU_INLINE float finish_quotient(float result, float, float) { return finish(result, 0.0f, 0.0f); }
VGPU_INLINE double finish_quotient(double result, double a, double b) {
  return a != a ? quiet(a) : b != b ? quiet(b) : result;
}

template <class T>
struct Divide {
  VGPU_INLINE static T apply(T a, T b) { return finish_quotient(a / b, a, b); }
};
template <class T>
struct Reciprocal {
  VGPU_INLINE static T apply(T a) { return finish_quotient(T{1} / a, a, a); }
};

// Whole vectors by hand: __builtin_sqrt may call the library, which costs a lane at a time.
void root_row(const float* a, float* d) {
  for (unsigned i = 0; i < kLanes; i += 4) _mm_storeu_ps(d + i, _mm_sqrt_ps(_mm_loadu_ps(a + i)));
}
void root_row(const double* a, double* d) {
  for (unsigned i = 0; i < kLanes; i += 2) _mm_storeu_pd(d + i, _mm_sqrt_pd(_mm_loadu_pd(a + i)));
}

template <class T>
void square_root(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const T* a = warp.row<T>(instruction.operand[1]);
  T roots[kLanes];
  root_row(a, roots);
  for_lanes(mask, warp.row<T>(instruction.operand[0]),
            [&](unsigned i) { return finish_quotient(roots[i], a[i], a[i]); });
}

template <class T>
void divide(Warp& warp, const Instruction& instruction, LaneMask mask) {
  binary<Divide<T>, T, T>(warp, instruction, mask);
}
template <class T>
void reciprocal(Warp& warp, const Instruction& instruction, LaneMask mask) {
  unary<Reciprocal<T>, T, T>(warp, instruction, mask);
}

// The forms without a rounding modifier are approximate and belong to another class.
template <Handler Single32, Handler Double64, unsigned sources>
Handler choose(Choice& choice) {
  static constexpr const char* kModes[] = {"rn", "rz", "rm", "rp"};
  const int rounding = choice.take_one(kModes);
  const bool flush = choice.take("ftz");
  const Type type = choice.take_type();
  declare(choice, type, sources);
  if (rounding < 0 || (type == Type::f64 && flush)) return nullptr;
  const auto mode = static_cast<Rounding>(rounding);
  return type == Type::f32 ? with_mode<Single32>(choice, mode, flush) : with_mode<Double64>(choice, mode, false);
}

constexpr OpcodeRow kRows[] = {
    {"div", kFloats, choose<divide<float>, divide<double>, 2>, "9.7.3.8"},
    {"rcp", kFloats, choose<reciprocal<float>, reciprocal<double>, 1>, "9.7.3.13"},
    {"sqrt", kFloats, choose<square_root<float>, square_root<double>, 1>, "9.7.3.15"},
};

}  // namespace
VGPU_SOFT_ROWS(float_divide, kRows)
}  // namespace vgpu::soft::VGPU_ISA
