// SPDX-License-Identifier: Apache-2.0
// add and sub on integers (PTX ISA 9.7.1.1, 9.7.1.2). The example of an instruction class: see opcodes.h.
#include "softgpu/machine/ops/clamp.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// Two's complement wraps; small types are promoted by C++ and cut back.
template <class T>
struct Add {
  static T apply(T a, T b) { return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b)); }
};

template <class T>
struct Subtract {
  static T apply(T a, T b) { return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b)); }
};

template <template <class> class Wide>
struct Saturate {
  static int32_t apply(int32_t a, int32_t b) { return clamp_to_s32(Wide<int64_t>::apply(a, b)); }
};

// add{.sat}.type d, a, b; .sat is for s32 only.
template <template <class> class Op>
Handler choose(Choice& choice) {
  const bool saturate = choice.take("sat");
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(type);
  if (!saturate) return integer_binary<Op>(type);
  return type == Type::s32 ? Handler{binary<Saturate<Op>, int32_t, int32_t>} : nullptr;
}

constexpr OpcodeRow kRows[] = {
    {"add", kIntegers16To64, choose<Add>, "9.7.1.1"},
    {"sub", kIntegers16To64, choose<Subtract>, "9.7.1.2"},
};

}  // namespace
VGPU_SOFT_ROWS(integer_add, kRows)
}  // namespace vgpu::soft::VGPU_ISA
