// SPDX-License-Identifier: Apache-2.0
// Floating-point formats as bits, the quiet NaNs that instructions return, and the host's rounding and flush modes.
// Called by the floating-point classes of ops/ only. No state: a mode lasts for one handler and is then put back.
// What the PTX ISA leaves open (NaN payloads, when a tiny result counts as subnormal) follows measurements on an H200:
// f16, bf16 and f32 results are one canonical NaN, f64 keeps the payload of an operand and makes it quiet.
#pragma once

#include <cstdint>

#include <xmmintrin.h>

#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {

template <class BitsType, unsigned FractionBits, BitsType Canonical>
struct Format {
  using Bits = BitsType;
  static constexpr unsigned kWidth = sizeof(Bits) * 8;
  static constexpr unsigned kFraction = FractionBits;
  static constexpr Bits kSign = static_cast<Bits>(Bits{1} << (kWidth - 1));
  static constexpr Bits kMagnitude = static_cast<Bits>(kSign - 1);
  static constexpr Bits kInfinity = static_cast<Bits>(kMagnitude >> FractionBits << FractionBits);
  static constexpr Bits kQuiet = static_cast<Bits>(Bits{1} << (FractionBits - 1));
  static constexpr Bits kNan = Canonical;
  static constexpr Bits kOne = static_cast<Bits>(kInfinity / 2 >> FractionBits << FractionBits);

  static constexpr bool is_nan(Bits a) { return static_cast<Bits>(a & kMagnitude) > kInfinity; }
  static constexpr bool is_zero(Bits a) { return static_cast<Bits>(a & kMagnitude) == 0; }
  // Zero of the same sign for zeros and subnormals.
  static constexpr Bits flush(Bits a) { return (a & kInfinity) == 0 ? static_cast<Bits>(a & kSign) : a; }
};

using Half = Format<uint16_t, 10, 0x7fff>;
using Bfloat = Format<uint16_t, 7, 0x7fff>;
using Single = Format<uint32_t, 23, 0x7fffffffu>;
using Double = Format<uint64_t, 52, 0xfff8000000000000u>;

VGPU_INLINE float as_float(uint32_t bits) { return __builtin_bit_cast(float, bits); }
VGPU_INLINE double as_double(uint64_t bits) { return __builtin_bit_cast(double, bits); }
VGPU_INLINE uint32_t as_bits(float value) { return __builtin_bit_cast(uint32_t, value); }
VGPU_INLINE uint64_t as_bits(double value) { return __builtin_bit_cast(uint64_t, value); }
VGPU_INLINE float magnitude(float value) { return as_float(as_bits(value) & Single::kMagnitude); }
VGPU_INLINE double magnitude(double value) { return as_double(as_bits(value) & Double::kMagnitude); }

// The quiet NaN of a double operand.
VGPU_INLINE double quiet(double a) { return as_double(as_bits(a) | Double::kQuiet); }

// `result` of an operation on the operands, with the NaN that hardware returns. Of two NaN operands of an f64 sum or
// product the second wins; of an fma b, then c, then a.
VGPU_INLINE float finish(float result, float, float) { return result == result ? result : as_float(Single::kNan); }
VGPU_INLINE float finish(float result, float, float, float) { return finish(result, 0, 0); }
VGPU_INLINE double finish(double result, double a, double b) { return b != b ? quiet(b) : a != a ? quiet(a) : result; }
VGPU_INLINE double finish(double result, double a, double b, double c) {
  return b != b ? quiet(b) : c != c ? quiet(c) : a != a ? quiet(a) : result;
}

// .sat: to [0, 1]; NaN and negative values, -0 too, give +0.
VGPU_INLINE float saturate(float a) { return a > 0 ? (a < 1 ? a : 1.0f) : 0.0f; }

// Rounding modes of arithmetic (PTX ISA 6.5.2), numbered as in take_rounding's list.
enum Rounding : int { kNearestEven, kTowardsZero, kDown, kUp };

// The rounding modifier of an instruction; to nearest when there is none.
VGPU_INLINE Rounding take_rounding(Choice& choice) {
  static constexpr const char* kModes[] = {"rn", "rz", "rm", "rp"};
  const int index = choice.take_one(kModes);
  return static_cast<Rounding>(index < 0 ? 0 : index);
}

// x86's MXCSR with all exceptions masked: the reset value, a rounding mode, flush-to-zero with denormals-are-zero. Like
// the GPU, x86 flushes a result when it is below the smallest normal number after rounding to the full precision.
inline constexpr uint32_t kDefaultMode = 0x1f80;
constexpr uint32_t float_mode(Rounding rounding, bool flush) {
  constexpr uint32_t kControl[] = {0x0000, 0x6000, 0x2000, 0x4000};
  return kDefaultMode | kControl[rounding] | (flush ? 0x8040u : 0u);
}

// Handlers run in the default mode; this runs one in the mode that the chooser left in the immediate. The barriers keep
// the compiler from moving the arithmetic out of the mode.
template <Handler Body>
void in_mode(Warp& warp, const Instruction& instruction, LaneMask mask) {
  _mm_setcsr(static_cast<uint32_t>(instruction.immediate));
  asm volatile("" ::: "memory");
  Body(warp, instruction, mask);
  asm volatile("" ::: "memory");
  _mm_setcsr(kDefaultMode);
}

template <Handler Body>
Handler with_mode(Choice& choice, Rounding rounding, bool flush) {
  const uint32_t mode = float_mode(rounding, flush);
  if (mode == kDefaultMode) return Body;
  choice.set_immediate(mode);
  return in_mode<Body>;
}

// Declares a result and `sources` sources, all of one type.
VGPU_INLINE void declare(Choice& choice, Type type, unsigned sources) {
  choice.result(type);
  for (unsigned i = 0; i < sources; ++i) choice.source(type);
}

}  // namespace vgpu::soft::VGPU_ISA
