// SPDX-License-Identifier: Apache-2.0
// shf, shl, shr and the byte permutation prmt (PTX ISA 9.7.8.7 to 9.7.8.9, 9.7.9.7).
#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// Shift amounts are unsigned and clamped: the width and more shift everything out.
template <class T>
struct Left {
  VGPU_INLINE static T apply(T a, uint32_t by) {
    constexpr uint32_t kWidth = sizeof(T) * 8;
    return by < kWidth ? static_cast<T>(a << (by & (kWidth - 1))) : T{0};
  }
};
template <class T>
struct Right {
  VGPU_INLINE static T apply(T a, uint32_t by) {
    constexpr uint32_t kWidth = sizeof(T) * 8;
    if constexpr (std::is_signed_v<T>) return static_cast<T>(a >> (by < kWidth ? by : kWidth - 1));
    return by < kWidth ? static_cast<T>(a >> (by & (kWidth - 1))) : T{0};
  }
};

template <template <class> class Op, class T>
constexpr Handler kShift = binary<Op<T>, T, T, uint32_t>;

template <template <class> class Op>
Handler choose_shift(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(Type::u32);
  switch (type) {
    case Type::b16:
    case Type::u16: return kShift<Op, uint16_t>;
    case Type::b32:
    case Type::u32: return kShift<Op, uint32_t>;
    case Type::b64:
    case Type::u64: return kShift<Op, uint64_t>;
    case Type::s16: return kShift<Op, int16_t>;
    case Type::s32: return kShift<Op, int32_t>;
    case Type::s64: return kShift<Op, int64_t>;
    default: return nullptr;
  }
}

// The funnel holds b above a. Left takes the upper word of the shifted funnel, right the lower one.
template <bool left, bool wrap>
struct Funnel {
  VGPU_INLINE static uint32_t apply(uint32_t a, uint32_t b, uint32_t c) {
    const uint32_t by = wrap ? c & 31 : c < 32 ? c : 32;
    const uint64_t funnel = uint64_t{b} << 32 | a;
    return left ? static_cast<uint32_t>(funnel << by >> 32) : static_cast<uint32_t>(funnel >> by);
  }
};

Handler choose_funnel(Choice& choice) {
  static constexpr const char* kDirections[] = {"l", "r"};
  static constexpr const char* kModes[] = {"clamp", "wrap"};
  const int direction = choice.take_one(kDirections);
  const int mode = choice.take_one(kModes);
  choice.take_type();
  choice.result(Type::b32);
  choice.source(Type::b32);
  choice.source(Type::b32);
  choice.source(Type::u32);
  if (direction < 0 || mode < 0) return nullptr;
  static constexpr Handler kHandlers[2][2] = {
      {ternary<Funnel<true, false>, uint32_t, uint32_t>, ternary<Funnel<true, true>, uint32_t, uint32_t>},
      {ternary<Funnel<false, false>, uint32_t, uint32_t>, ternary<Funnel<false, true>, uint32_t, uint32_t>}};
  return kHandlers[direction][mode];
}

// Which byte of {b, a} goes to place `place`, for the control value of a mode (9.7.9.7).
enum class Pick { forward4, backward4, replicate8, edge_left, edge_right, replicate16 };

template <Pick pick>
VGPU_INLINE uint32_t picked(uint32_t control, uint32_t place) {
  switch (pick) {
    case Pick::forward4: return control + place;
    case Pick::backward4: return (control - place) & 7;
    case Pick::replicate8: return control;
    case Pick::edge_left: return place > control ? place : control;
    case Pick::edge_right: return place < control ? place : control;
    case Pick::replicate16: return (control & 1) * 2 + (place & 1);
  }
  return 0;
}

template <Pick pick>
struct PermuteMode {
  VGPU_INLINE static uint32_t apply(uint32_t a, uint32_t b, uint32_t c) {
    const uint64_t bytes = uint64_t{b} << 32 | a;
    uint32_t result = 0;
    for (uint32_t place = 0; place < 4; ++place)
      result |= static_cast<uint32_t>(bytes >> (8 * picked<pick>(c & 3, place)) & 255) << (8 * place);
    return result;
  }
};

// A selector has four bits per byte: which byte, and whether to spread its sign instead.
struct Permute {
  VGPU_INLINE static uint32_t apply(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t result = 0;
    for (uint32_t place = 0; place < 4; ++place) {
      const uint32_t selector = c >> (4 * place);
      const uint32_t word = (selector & 4) != 0 ? b : a;
      // The byte at the top of the word, so that an arithmetic shift can spread its sign.
      const uint32_t byte = word << (24 - 8 * (selector & 3));
      const auto sign = static_cast<uint32_t>(static_cast<int32_t>(byte) >> 31);
      result |= ((selector & 8) != 0 ? sign >> 24 : byte >> 24) << (8 * place);
    }
    return result;
  }
};

Handler choose_permute(Choice& choice) {
  static constexpr const char* kModes[] = {"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
  static constexpr Handler kHandlers[] = {ternary<PermuteMode<Pick::forward4>, uint32_t, uint32_t>,
                                          ternary<PermuteMode<Pick::backward4>, uint32_t, uint32_t>,
                                          ternary<PermuteMode<Pick::replicate8>, uint32_t, uint32_t>,
                                          ternary<PermuteMode<Pick::edge_left>, uint32_t, uint32_t>,
                                          ternary<PermuteMode<Pick::edge_right>, uint32_t, uint32_t>,
                                          ternary<PermuteMode<Pick::replicate16>, uint32_t, uint32_t>};
  const int mode = choice.take_one(kModes);
  choice.take_type();
  choice.result(Type::b32);
  for (int i = 0; i < 3; ++i) choice.source(Type::b32);
  return mode < 0 ? ternary<Permute, uint32_t, uint32_t> : kHandlers[mode];
}

constexpr OpcodeRow kRows[] = {
    {"shf", types(Type::b32), choose_funnel, "9.7.8.7"},
    {"shl", kBits16To64, choose_shift<Left>, "9.7.8.8"},
    {"shr", kBits16To64 | kIntegers16To64, choose_shift<Right>, "9.7.8.9"},
    {"prmt", types(Type::b32), choose_permute, "9.7.9.7"},
};

}  // namespace
VGPU_SOFT_ROWS(shift, kRows)
}  // namespace vgpu::soft::VGPU_ISA
