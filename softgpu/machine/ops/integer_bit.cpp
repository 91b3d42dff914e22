// SPDX-License-Identifier: Apache-2.0
// Bits of integers: popc, clz, bfind, fns, brev, bfe, bfi, szext, bmsk (PTX ISA 9.7.1.14 to 9.7.1.22).
#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

// Sums bits in neighbouring fields that double in width: no table and no special instruction, so the loop vectorises.
template <class T>
struct Count {
  VGPU_INLINE static uint32_t apply(T a) {
    constexpr T kOnes = static_cast<T>(~T{0});
    a = static_cast<T>(a - (a >> 1 & kOnes / 3));
    a = static_cast<T>((a & kOnes / 5) + (a >> 2 & kOnes / 5));
    a = static_cast<T>((a + (a >> 4)) & kOnes / 17);
    return static_cast<uint32_t>(static_cast<T>(a * (kOnes / 255)) >> (sizeof(T) * 8 - 8));
  }
};

VGPU_INLINE uint32_t leading_zeros(uint32_t a) { return a == 0 ? 32 : static_cast<uint32_t>(__builtin_clz(a)); }
VGPU_INLINE uint32_t leading_zeros(uint64_t a) { return a == 0 ? 64 : static_cast<uint32_t>(__builtin_clzll(a)); }

template <class T>
struct LeadingZeros {
  VGPU_INLINE static uint32_t apply(T a) { return leading_zeros(a); }
};

template <class T>
struct Reverse {
  VGPU_INLINE static T apply(T a) {
    constexpr T kOnes = static_cast<T>(~T{0});
    a = (a >> 1 & kOnes / 3) | (a & kOnes / 3) << 1;
    a = (a >> 2 & kOnes / 5) | (a & kOnes / 5) << 2;
    a = (a >> 4 & kOnes / 17) | (a & kOnes / 17) << 4;
    return sizeof(T) == 4 ? static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(a)))
                          : static_cast<T>(__builtin_bswap64(a));
  }
};

// The most significant bit that is not a sign bit; .shiftamt: how far to shift it to the top. All ones when there is
// none.
template <class T, bool shift_amount>
struct FindLeading {
  VGPU_INLINE static uint32_t apply(T a) {
    using Unsigned = std::make_unsigned_t<T>;
    const auto bits = static_cast<Unsigned>(a < 0 ? ~a : a);
    const uint32_t zeros = leading_zeros(bits);
    if (bits == 0) return ~uint32_t{0};
    return shift_amount ? zeros : static_cast<uint32_t>(sizeof(T) * 8) - 1 - zeros;
  }
};

// fns: the n-th set bit from `base` upwards (offset > 0) or downwards; offset 0 asks for base itself (9.7.1.17).
struct FindNth {
  VGPU_INLINE static uint32_t apply(uint32_t bits, uint32_t base, int32_t offset) {
    constexpr uint32_t kNone = ~uint32_t{0};
    if (base > 31) return kNone;
    if (offset == 0) return (bits >> base & 1u) != 0 ? base : kNone;
    int64_t left = offset > 0 ? int64_t{offset} : -int64_t{offset};
    for (auto position = static_cast<int32_t>(base); position >= 0 && position<32; position += offset> 0 ? 1 : -1)
      if ((bits >> position & 1u) != 0 && --left == 0) return static_cast<uint32_t>(position);
    return kNone;
  }
};

// Shifts that reach the width give zero.
template <class T>
VGPU_INLINE T shift_left(T a, uint32_t by) {
  return by < sizeof(T) * 8 ? static_cast<T>(a << (by & (sizeof(T) * 8 - 1))) : T{0};
}
template <class T>
VGPU_INLINE T shift_right(T a, uint32_t by) {
  return by < sizeof(T) * 8 ? static_cast<T>(a >> (by & (sizeof(T) * 8 - 1))) : T{0};
}
// The lowest `length` bits set.
template <class T>
VGPU_INLINE T low_bits(uint32_t length) {
  return static_cast<T>(shift_left(T{1}, length) - 1);
}

// Position and length are taken from the low byte. A signed field that reaches past the top is filled with the top bit.
template <class T>
struct ExtractField {
  VGPU_INLINE static T apply(T a, uint32_t position, uint32_t length) {
    using Unsigned = std::make_unsigned_t<T>;
    constexpr uint32_t kWidth = sizeof(T) * 8;
    position &= 255;
    length &= 255;
    const auto bits = static_cast<Unsigned>(a);
    const Unsigned inside = low_bits<Unsigned>(length);
    Unsigned field = static_cast<Unsigned>(shift_right(bits, position) & inside);
    if constexpr (std::is_signed_v<T>) {
      const uint32_t top = position + length - 1 < kWidth - 1 ? position + length - 1 : kWidth - 1;
      const bool negative = length != 0 && (bits >> (top & (kWidth - 1)) & 1) != 0;
      const uint32_t available = position < kWidth ? kWidth - position : 0;
      const Unsigned present = low_bits<Unsigned>(length < available ? length : available);
      field = static_cast<Unsigned>((field & present) | (negative ? static_cast<Unsigned>(~present) : Unsigned{0}));
    }
    return static_cast<T>(field);
  }
};

template <class T>
struct InsertField {
  VGPU_INLINE static T apply(T a, T b, uint32_t position, uint32_t length) {
    position &= 255;
    length &= 255;
    const T field = shift_left(low_bits<T>(length), position);
    return static_cast<T>((b & ~field) | (shift_left(a, position) & field));
  }
};

// .wrap takes the low five bits of a count, .clamp limits it to 32.
template <bool wrap>
VGPU_INLINE uint32_t count_of(uint32_t b) {
  return wrap ? b & 31 : b < 32 ? b : 32;
}

template <class T, bool wrap>
struct Extend {
  VGPU_INLINE static T apply(T a, uint32_t b) {
    const uint32_t bits = count_of<wrap>(b);
    const uint32_t rest = 32 - bits;
    return bits == 0 ? T{0} : static_cast<T>(static_cast<T>(static_cast<uint32_t>(a) << (rest & 31)) >> (rest & 31));
  }
};

template <bool wrap>
struct FieldMask {
  VGPU_INLINE static uint32_t apply(uint32_t a, uint32_t b) {
    return shift_left(low_bits<uint32_t>(count_of<wrap>(b)), count_of<wrap>(a));
  }
};

template <template <class> class Op>
Handler choose_count(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(Type::u32);
  choice.source(type);
  return type == Type::b32 ? Handler{unary<Op<uint32_t>, uint32_t, uint32_t>} : unary<Op<uint64_t>, uint32_t, uint64_t>;
}

Handler choose_reverse(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  return type == Type::b32 ? Handler{unary<Reverse<uint32_t>, uint32_t, uint32_t>}
                           : unary<Reverse<uint64_t>, uint64_t, uint64_t>;
}

template <bool shift_amount>
Handler find_leading(Type type) {
  switch (type) {
    case Type::u32: return unary<FindLeading<uint32_t, shift_amount>, uint32_t, uint32_t>;
    case Type::s32: return unary<FindLeading<int32_t, shift_amount>, uint32_t, int32_t>;
    case Type::u64: return unary<FindLeading<uint64_t, shift_amount>, uint32_t, uint64_t>;
    case Type::s64: return unary<FindLeading<int64_t, shift_amount>, uint32_t, int64_t>;
    default: return nullptr;
  }
}

Handler choose_find(Choice& choice) {
  const bool shift_amount = choice.take("shiftamt");
  const Type type = choice.take_type();
  choice.result(Type::u32);
  choice.source(type);
  return shift_amount ? find_leading<true>(type) : find_leading<false>(type);
}

Handler choose_fns(Choice& choice) {
  choice.take_type();
  choice.result(Type::b32);
  choice.source(Type::b32);
  choice.source(Type::b32);
  choice.source(Type::s32);
  return ternary<FindNth, uint32_t, uint32_t, uint32_t, int32_t>;
}

Handler choose_extract(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(Type::u32);
  choice.source(Type::u32);
  switch (type) {
    case Type::u32: return ternary<ExtractField<uint32_t>, uint32_t, uint32_t, uint32_t, uint32_t>;
    case Type::s32: return ternary<ExtractField<int32_t>, int32_t, int32_t, uint32_t, uint32_t>;
    case Type::u64: return ternary<ExtractField<uint64_t>, uint64_t, uint64_t, uint32_t, uint32_t>;
    case Type::s64: return ternary<ExtractField<int64_t>, int64_t, int64_t, uint32_t, uint32_t>;
    default: return nullptr;
  }
}

template <class T>
void insert_field(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const T* a = warp.row<T>(instruction.operand[1]);
  const T* b = warp.row<T>(instruction.operand[2]);
  const uint32_t* position = warp.row<uint32_t>(instruction.operand[3]);
  const uint32_t* length = warp.row<uint32_t>(instruction.operand[4]);
  for_lanes(mask, warp.row<T>(instruction.operand[0]),
            [=](unsigned i) { return InsertField<T>::apply(a[i], b[i], position[i], length[i]); });
}

Handler choose_insert(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(type);
  choice.source(Type::u32);
  choice.source(Type::u32);
  return type == Type::b32 ? insert_field<uint32_t> : insert_field<uint64_t>;
}

constexpr const char* kCountModes[] = {"clamp", "wrap"};

Handler choose_szext(Choice& choice) {
  const int mode = choice.take_one(kCountModes);
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(Type::u32);
  if (mode < 0) return nullptr;
  if (type == Type::u32)
    return mode == 0 ? binary<Extend<uint32_t, false>, uint32_t, uint32_t>
                     : binary<Extend<uint32_t, true>, uint32_t, uint32_t>;
  return mode == 0 ? binary<Extend<int32_t, false>, int32_t, int32_t, uint32_t>
                   : binary<Extend<int32_t, true>, int32_t, int32_t, uint32_t>;
}

Handler choose_bmsk(Choice& choice) {
  const int mode = choice.take_one(kCountModes);
  choice.take_type();
  choice.result(Type::b32);
  choice.source(Type::u32);
  choice.source(Type::u32);
  if (mode < 0) return nullptr;
  return mode == 0 ? binary<FieldMask<false>, uint32_t, uint32_t> : binary<FieldMask<true>, uint32_t, uint32_t>;
}

constexpr TypeSet kBits = types(Type::b32, Type::b64);

constexpr OpcodeRow kRows[] = {
    {"popc", kBits, choose_count<Count>, "9.7.1.14"},
    {"clz", kBits, choose_count<LeadingZeros>, "9.7.1.15"},
    {"bfind", kIntegers32And64, choose_find, "9.7.1.16"},
    {"fns", types(Type::b32), choose_fns, "9.7.1.17"},
    {"brev", kBits, choose_reverse, "9.7.1.18"},
    {"bfe", kIntegers32And64, choose_extract, "9.7.1.19"},
    {"bfi", kBits, choose_insert, "9.7.1.20"},
    {"szext", types(Type::u32, Type::s32), choose_szext, "9.7.1.21"},
    {"bmsk", types(Type::b32), choose_bmsk, "9.7.1.22"},
};

}  // namespace
VGPU_SOFT_ROWS(integer_bit, kRows)
}  // namespace vgpu::soft::VGPU_ISA
