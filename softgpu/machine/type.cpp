// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/type.h"

#include <utility>

namespace vgpu::soft {

Type type_of(std::string_view text) {
  static constexpr std::pair<std::string_view, Type> kNames[] = {
      {"pred", Type::pred},     {"b8", Type::b8},         {"b16", Type::b16},       {"b32", Type::b32},
      {"b64", Type::b64},       {"b128", Type::b128},     {"u8", Type::u8},         {"u16", Type::u16},
      {"u32", Type::u32},       {"u64", Type::u64},       {"s8", Type::s8},         {"s16", Type::s16},
      {"s32", Type::s32},       {"s64", Type::s64},       {"f16", Type::f16},       {"bf16", Type::bf16},
      {"f32", Type::f32},       {"f64", Type::f64},       {"f16x2", Type::f16x2},   {"bf16x2", Type::bf16x2},
      {"u16x2", Type::u16x2},   {"s16x2", Type::s16x2},   {"f32x2", Type::f32x2},   {"tf32", Type::tf32},
      {"e4m3", Type::e4m3},     {"e5m2", Type::e5m2},     {"e4m3x2", Type::e4m3x2}, {"e5m2x2", Type::e5m2x2},
      {"e2m1x2", Type::e2m1x2}, {"e2m3x2", Type::e2m3x2}, {"e3m2x2", Type::e3m2x2}, {"ue8m0x2", Type::ue8m0x2},
      {"u4", Type::u4},         {"s4", Type::s4},         {"u2", Type::u2},         {"s2", Type::s2},
      {"b1", Type::b1},
  };
  for (const auto& [name, type] : kNames) {
    if (name == text) return type;
  }
  return Type::none;
}

}  // namespace vgpu::soft
