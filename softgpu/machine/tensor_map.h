// SPDX-License-Identifier: Apache-2.0
// A tensor map (PTX ISA 5.5.8): 128 bytes that say where a tensor lies and which box of it a copy moves. The driver
// makes them, programs carry them around as bytes, kernels copy by them and change them. Their form is ours. Every
// pattern of bits is some map, for a kernel may build one field by field from nothing, so sizes are kept less one; what
// the numbers of types and swizzles leave over is refused where a map is used. Plain data.
#pragma once

#include <cstdint>
#include <type_traits>

namespace vgpu::soft {

// Numbers as in Table 33 of the PTX ISA, which are those of CUtensorMapDataType, too.
enum class TensorElement : uint8_t { u8, u16, u32, s32, u64, s64, f16, f32, f64, bf16, f32_ftz, tf32, tf32_ftz, count };

constexpr uint32_t bytes_of(TensorElement element) {
  switch (element) {
    case TensorElement::u8: return 1;
    case TensorElement::u16:
    case TensorElement::f16:
    case TensorElement::bf16: return 2;
    case TensorElement::u32:
    case TensorElement::s32:
    case TensorElement::f32:
    case TensorElement::f32_ftz:
    case TensorElement::tf32:
    case TensorElement::tf32_ftz: return 4;
    case TensorElement::u64:
    case TensorElement::s64:
    case TensorElement::f64: return 8;
    case TensorElement::count: return 0;
  }
  return 0;
}
constexpr bool is_floating(TensorElement element) {
  return element >= TensorElement::f16 && element < TensorElement::count;
}

enum class TensorAccess : uint8_t { tiled, im2col };
enum class TensorSwizzle : uint8_t { none, bytes_32, bytes_64, bytes_128, bytes_96, count };
enum class SwizzleAtom : uint8_t { bytes_16, bytes_32, bytes_32_flipped, bytes_64, count };
enum class TensorFill : uint8_t { zero, nan, count };

inline constexpr uint32_t kMaxTensorRank = 5;

struct TensorMap {
  uint64_t address;
  uint64_t strides[kMaxTensorRank - 1];  // bytes, of all dimensions but the first
  uint32_t last[kMaxTensorRank];         // sizes less one
  uint8_t box_last[kMaxTensorRank];      // tiled: of the box
  uint8_t step_last[kMaxTensorRank];
  uint8_t rank_last;
  TensorElement element;
  TensorAccess access;
  uint8_t interleave;
  TensorSwizzle swizzle;
  SwizzleAtom atom;
  TensorFill fill;
  uint8_t channels_last;       // im2col
  uint16_t pixels;             // im2col
  int16_t lower[3], upper[3];  // im2col: W, H, D
  uint8_t unused[34];

  constexpr uint32_t rank() const { return uint32_t{rank_last} + 1; }
  constexpr int64_t size(uint32_t dimension) const { return int64_t{last[dimension]} + 1; }
  constexpr uint32_t step(uint32_t dimension) const { return uint32_t{step_last[dimension]} + 1; }
  // Elements of the box along a dimension: what a step leaves out is not moved.
  constexpr uint32_t box(uint32_t dimension) const {
    return (uint32_t{box_last[dimension]} + step(dimension)) / step(dimension);
  }
};
static_assert(sizeof(TensorMap) == 128 && std::is_trivially_copyable_v<TensorMap>);

}  // namespace vgpu::soft
