// SPDX-License-Identifier: Apache-2.0
// Element types of instructions (PTX ISA 5.2), as the opcode table and the choosers use them. Plain data.
#pragma once

#include <cstdint>
#include <string_view>

namespace vgpu::soft {

enum class Type : uint8_t {
  none,
  pred,
  b8,
  b16,
  b32,
  b64,
  b128,
  u8,
  u16,
  u32,
  u64,
  s8,
  s16,
  s32,
  s64,
  f16,
  bf16,
  f32,
  f64,
  f16x2,
  bf16x2,
  u16x2,
  s16x2,
  f32x2,
  tf32,
  e4m3,
  e5m2,
  e4m3x2,
  e5m2x2,
  e2m1x2,
  e2m3x2,
  e3m2x2,
  ue8m0x2,
  u4,
  s4,
  u2,
  s2,
  b1,
};

// "u32" and so on, without the dot; Type::none for any other text.
Type type_of(std::string_view text);

// Bits of one element; 1 for pred, 0 for none.
constexpr unsigned bits_of(Type type) {
  switch (type) {
    case Type::none: return 0;
    case Type::pred:
    case Type::b1: return 1;
    case Type::u2:
    case Type::s2: return 2;
    case Type::u4:
    case Type::s4: return 4;
    case Type::b8:
    case Type::u8:
    case Type::s8:
    case Type::e4m3:
    case Type::e5m2:
    case Type::e2m1x2: return 8;
    case Type::b16:
    case Type::u16:
    case Type::s16:
    case Type::f16:
    case Type::bf16:
    case Type::e4m3x2:
    case Type::e5m2x2:
    case Type::e2m3x2:
    case Type::e3m2x2:
    case Type::ue8m0x2: return 16;
    case Type::b32:
    case Type::u32:
    case Type::s32:
    case Type::f32:
    case Type::f16x2:
    case Type::bf16x2:
    case Type::u16x2:
    case Type::s16x2:
    case Type::tf32: return 32;
    case Type::b64:
    case Type::u64:
    case Type::s64:
    case Type::f64:
    case Type::f32x2: return 64;
    case Type::b128: return 128;
  }
  return 0;
}

constexpr bool is_signed(Type type) {
  return type == Type::s8 || type == Type::s16 || type == Type::s32 || type == Type::s64 || type == Type::s4 ||
         type == Type::s2;
}

// A set of types, for rows of the opcode table.
using TypeSet = uint64_t;
template <class... Ts>
constexpr TypeSet types(Ts... list) {
  return ((TypeSet{1} << static_cast<unsigned>(list)) | ...);
}
constexpr bool contains(TypeSet set, Type type) { return (set >> static_cast<unsigned>(type) & 1) != 0; }

inline constexpr TypeSet kAnyType = ~TypeSet{0};
inline constexpr TypeSet kIntegers16To64 = types(Type::u16, Type::u32, Type::u64, Type::s16, Type::s32, Type::s64);
inline constexpr TypeSet kIntegers32And64 = types(Type::u32, Type::u64, Type::s32, Type::s64);
inline constexpr TypeSet kBits16To64 = types(Type::b16, Type::b32, Type::b64);
inline constexpr TypeSet kFloats = types(Type::f32, Type::f64);
inline constexpr TypeSet kHalves = types(Type::f16, Type::f16x2, Type::bf16, Type::bf16x2);

}  // namespace vgpu::soft
