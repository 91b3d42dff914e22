// SPDX-License-Identifier: Apache-2.0
// Products of integers: mul, mad, mul24, mad24, sad, dp4a, dp2a (PTX ISA 9.7.1.3 to 9.7.1.7, 9.7.1.23, 9.7.1.24).
#include <immintrin.h>

#include "softgpu/machine/ops/clamp.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

template <class T>
struct Twice;
template <>
struct Twice<uint16_t> {
  using type = uint32_t;
};
template <>
struct Twice<int16_t> {
  using type = int32_t;
};
template <>
struct Twice<uint32_t> {
  using type = uint64_t;
};
template <>
struct Twice<int32_t> {
  using type = int64_t;
};
template <>
struct Twice<uint64_t> {
  using type = unsigned __int128;
};
template <>
struct Twice<int64_t> {
  using type = __int128;
};
template <class T>
using Wide = typename Twice<T>::type;

// Sums and products are formed unsigned: they wrap, and signed overflow is undefined in C++.
template <class T>
VGPU_INLINE T wrapping_add(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
template <class T>
VGPU_INLINE T wrapping_multiply(T a, T b) {
  return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

template <class T>
struct Low {
  VGPU_INLINE static T apply(T a, T b) { return wrapping_multiply(a, b); }
};
template <class T>
struct High {
  VGPU_INLINE static T apply(T a, T b) {
    return static_cast<T>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b) >> (sizeof(T) * 8));
  }
};
template <class T>
struct Full {
  VGPU_INLINE static Wide<T> apply(T a, T b) {
    return static_cast<Wide<T>>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
  }
};
template <class T>
struct LowPlus {
  VGPU_INLINE static T apply(T a, T b, T c) { return wrapping_add(Low<T>::apply(a, b), c); }
};
template <class T>
struct HighPlus {
  VGPU_INLINE static T apply(T a, T b, T c) { return wrapping_add(High<T>::apply(a, b), c); }
};
template <class T>
struct FullPlus {
  VGPU_INLINE static Wide<T> apply(T a, T b, Wide<T> c) { return wrapping_add<Wide<T>>(Full<T>::apply(a, b), c); }
};
struct HighPlusSaturating {
  VGPU_INLINE static int32_t apply(int32_t a, int32_t b, int32_t c) {
    return clamp_to_s32(int64_t{High<int32_t>::apply(a, b)} + c);
  }
};

// 24-bit operands: the upper byte of a register is ignored. The product has 48 bits; .hi means its upper 32.
template <class T>
VGPU_INLINE Wide<T> product24(T a, T b) {
  const auto cut = [](T x) { return static_cast<Wide<T>>(static_cast<T>(static_cast<uint32_t>(x) << 8) >> 8); };
  return cut(a) * cut(b);
}
template <class T>
struct Low24 {
  VGPU_INLINE static T apply(T a, T b) { return static_cast<T>(product24(a, b)); }
};
template <class T>
struct High24 {
  VGPU_INLINE static T apply(T a, T b) { return static_cast<T>(product24(a, b) >> 16); }
};
template <class T>
struct Low24Plus {
  VGPU_INLINE static T apply(T a, T b, T c) { return wrapping_add(Low24<T>::apply(a, b), c); }
};
template <class T>
struct High24Plus {
  VGPU_INLINE static T apply(T a, T b, T c) { return wrapping_add(High24<T>::apply(a, b), c); }
};
struct High24PlusSaturating {
  VGPU_INLINE static int32_t apply(int32_t a, int32_t b, int32_t c) {
    return clamp_to_s32(int64_t{High24<int32_t>::apply(a, b)} + c);
  }
};

template <class T>
struct SumOfDifference {
  VGPU_INLINE static T apply(T a, T b, T c) {
    const T difference = static_cast<T>(a < b ? static_cast<uint64_t>(b) - static_cast<uint64_t>(a)
                                              : static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
    return wrapping_add(c, difference);
  }
};

template <template <class> class Op>
Handler integer_ternary(Type type) {
  switch (type) {
    case Type::u16: return ternary<Op<uint16_t>, uint16_t, uint16_t>;
    case Type::s16: return ternary<Op<int16_t>, int16_t, int16_t>;
    case Type::u32: return ternary<Op<uint32_t>, uint32_t, uint32_t>;
    case Type::s32: return ternary<Op<int32_t>, int32_t, int32_t>;
    case Type::u64: return ternary<Op<uint64_t>, uint64_t, uint64_t>;
    case Type::s64: return ternary<Op<int64_t>, int64_t, int64_t>;
    default: return nullptr;
  }
}

template <class T>
constexpr Handler kFull = binary<Full<T>, Wide<T>, T>;
template <class T>
constexpr Handler kFullPlus = ternary<FullPlus<T>, Wide<T>, T, T, Wide<T>>;

Type doubled(Type type) {
  switch (type) {
    case Type::u16: return Type::u32;
    case Type::s16: return Type::s32;
    case Type::u32: return Type::u64;
    case Type::s32: return Type::s64;
    default: return Type::none;
  }
}

constexpr const char* kHalves[] = {"lo", "hi", "wide"};

// mul{.lo|.hi|.wide}.type d, a, b;
Handler choose_mul(Choice& choice) {
  const int half = choice.take_one(kHalves);
  const Type type = choice.take_type();
  choice.result(half == 2 ? doubled(type) : type);
  choice.source(type);
  choice.source(type);
  if (half == 0) return integer_binary<Low>(type);
  if (half == 1) return integer_binary<High>(type);
  if (half != 2) return nullptr;
  switch (type) {
    case Type::u16: return kFull<uint16_t>;
    case Type::s16: return kFull<int16_t>;
    case Type::u32: return kFull<uint32_t>;
    case Type::s32: return kFull<int32_t>;
    default: return nullptr;
  }
}

// mad{.lo|.hi|.wide}.type d, a, b, c; mad.hi.sat.s32
Handler choose_mad(Choice& choice) {
  const int half = choice.take_one(kHalves);
  const bool saturate = choice.take("sat");
  const Type type = choice.take_type();
  const Type sum = half == 2 ? doubled(type) : type;
  choice.result(sum);
  choice.source(type);
  choice.source(type);
  choice.source(sum);
  if (saturate)
    return half == 1 && type == Type::s32 ? Handler{ternary<HighPlusSaturating, int32_t, int32_t>} : nullptr;
  if (half == 0) return integer_ternary<LowPlus>(type);
  if (half == 1) return integer_ternary<HighPlus>(type);
  if (half != 2) return nullptr;
  switch (type) {
    case Type::u16: return kFullPlus<uint16_t>;
    case Type::s16: return kFullPlus<int16_t>;
    case Type::u32: return kFullPlus<uint32_t>;
    case Type::s32: return kFullPlus<int32_t>;
    default: return nullptr;
  }
}

Handler choose_mul24(Choice& choice) {
  const int half = choice.take_one(kHalves);
  const Type type = choice.take_type();
  choice.result(type);
  choice.source(type);
  choice.source(type);
  const bool is_u32 = type == Type::u32;
  if (half == 0) return is_u32 ? binary<Low24<uint32_t>, uint32_t, uint32_t> : binary<Low24<int32_t>, int32_t, int32_t>;
  if (half == 1)
    return is_u32 ? binary<High24<uint32_t>, uint32_t, uint32_t> : binary<High24<int32_t>, int32_t, int32_t>;
  return nullptr;
}

Handler choose_mad24(Choice& choice) {
  const int half = choice.take_one(kHalves);
  const bool saturate = choice.take("sat");
  const Type type = choice.take_type();
  choice.result(type);
  for (int i = 0; i < 3; ++i) choice.source(type);
  const bool is_u32 = type == Type::u32;
  if (saturate) return half == 1 && !is_u32 ? Handler{ternary<High24PlusSaturating, int32_t, int32_t>} : nullptr;
  if (half == 0)
    return is_u32 ? ternary<Low24Plus<uint32_t>, uint32_t, uint32_t> : ternary<Low24Plus<int32_t>, int32_t, int32_t>;
  if (half == 1)
    return is_u32 ? ternary<High24Plus<uint32_t>, uint32_t, uint32_t> : ternary<High24Plus<int32_t>, int32_t, int32_t>;
  return nullptr;
}

Handler choose_sad(Choice& choice) {
  const Type type = choice.take_type();
  choice.result(type);
  for (int i = 0; i < 3; ++i) choice.source(type);
  return integer_ternary<SumOfDifference>(type);
}

// Byte i of x, extended by A's sign, as the 32 bits of an int. Products and sums wrap, so unsigned arithmetic serves
// all.
template <class A>
VGPU_INLINE uint32_t byte_of(uint32_t x, unsigned i) {
  return static_cast<uint32_t>(static_cast<int32_t>(static_cast<A>(x >> (8 * i))));
}

// dp4a by the host's product of 16-bit pairs: even and odd bytes are widened in place, and each product of pairs sums
// two.
#ifdef __AVX2__
using Vector = __m256i;
VGPU_INLINE Vector load(const uint32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const Vector*>(p)); }
VGPU_INLINE void store(uint32_t* p, Vector v) { _mm256_storeu_si256(reinterpret_cast<Vector*>(p), v); }
VGPU_INLINE Vector sum(Vector a, Vector b) { return _mm256_add_epi32(a, b); }
VGPU_INLINE Vector products(Vector a, Vector b) { return _mm256_madd_epi16(a, b); }
template <bool is_signed>
VGPU_INLINE Vector odd_bytes(Vector a) {
  return is_signed ? _mm256_srai_epi16(a, 8) : _mm256_srli_epi16(a, 8);
}
VGPU_INLINE Vector raised(Vector a) { return _mm256_slli_epi16(a, 8); }
#else
using Vector = __m128i;
VGPU_INLINE Vector load(const uint32_t* p) { return _mm_loadu_si128(reinterpret_cast<const Vector*>(p)); }
VGPU_INLINE void store(uint32_t* p, Vector v) { _mm_storeu_si128(reinterpret_cast<Vector*>(p), v); }
VGPU_INLINE Vector sum(Vector a, Vector b) { return _mm_add_epi32(a, b); }
VGPU_INLINE Vector products(Vector a, Vector b) { return _mm_madd_epi16(a, b); }
template <bool is_signed>
VGPU_INLINE Vector odd_bytes(Vector a) {
  return is_signed ? _mm_srai_epi16(a, 8) : _mm_srli_epi16(a, 8);
}
VGPU_INLINE Vector raised(Vector a) { return _mm_slli_epi16(a, 8); }
#endif

template <bool a_signed, bool b_signed>
void dot_of_bytes(Warp& warp, const Instruction& instruction, LaneMask mask) {
  constexpr unsigned kStep = sizeof(Vector) / sizeof(uint32_t);
  const uint32_t* a = warp.row<uint32_t>(instruction.operand[1]);
  const uint32_t* b = warp.row<uint32_t>(instruction.operand[2]);
  const uint32_t* c = warp.row<uint32_t>(instruction.operand[3]);
  uint32_t* d = warp.row<uint32_t>(instruction.operand[0]);
  alignas(32) uint32_t sums[kLanes];
  uint32_t* out = mask == kAllLanes ? d : sums;
  for (unsigned i = 0; i < kLanes; i += kStep) {
    const Vector x = load(a + i), y = load(b + i);
    const Vector odd = products(odd_bytes<a_signed>(x), odd_bytes<b_signed>(y));
    const Vector even = products(odd_bytes<a_signed>(raised(x)), odd_bytes<b_signed>(raised(y)));
    store(out + i, sum(load(c + i), sum(odd, even)));
  }
  if (mask != kAllLanes) for_lanes(mask, d, [&](unsigned i) { return sums[i]; });
}

// A is the 16-bit type of a's halves, B the type of b's bytes; First is the first of the two bytes: 0 (.lo) or 2 (.hi).
template <class A, class B, unsigned First>
struct DotOfHalves {
  VGPU_INLINE static uint32_t apply(uint32_t a, uint32_t b, uint32_t c) {
    const uint32_t low = static_cast<uint32_t>(static_cast<int32_t>(static_cast<A>(a)));
    const uint32_t high = static_cast<uint32_t>(static_cast<int32_t>(static_cast<A>(a >> 16)));
    return c + low * byte_of<B>(b, First) + high * byte_of<B>(b, First + 1);
  }
};

void declare_dot(Choice& choice) {
  choice.result(Type::b32);
  for (int i = 0; i < 3; ++i) choice.source(Type::b32);
}

bool is_32_bit(Type type) { return type == Type::u32 || type == Type::s32; }

// dp4a.atype.btype d, a, b, c;
Handler choose_dp4a(Choice& choice) {
  const Type a = choice.take_type();
  const Type b = choice.take_type();
  declare_dot(choice);
  if (!is_32_bit(a) || !is_32_bit(b)) return nullptr;
  static constexpr Handler kHandlers[2][2] = {{dot_of_bytes<false, false>, dot_of_bytes<false, true>},
                                              {dot_of_bytes<true, false>, dot_of_bytes<true, true>}};
  return kHandlers[a == Type::s32][b == Type::s32];
}

// dp2a{.lo|.hi}.atype.btype d, a, b, c;
template <unsigned First>
Handler dp2a(bool a_signed, bool b_signed) {
  static constexpr Handler kHandlers[2][2] = {{ternary<DotOfHalves<uint16_t, uint8_t, First>, uint32_t, uint32_t>,
                                               ternary<DotOfHalves<uint16_t, int8_t, First>, uint32_t, uint32_t>},
                                              {ternary<DotOfHalves<int16_t, uint8_t, First>, uint32_t, uint32_t>,
                                               ternary<DotOfHalves<int16_t, int8_t, First>, uint32_t, uint32_t>}};
  return kHandlers[a_signed][b_signed];
}

Handler choose_dp2a(Choice& choice) {
  const int half = choice.take_one(kHalves);
  const Type a = choice.take_type();
  const Type b = choice.take_type();
  declare_dot(choice);
  if (!is_32_bit(a) || !is_32_bit(b) || half < 0 || half > 1) return nullptr;
  return half == 0 ? dp2a<0>(a == Type::s32, b == Type::s32) : dp2a<2>(a == Type::s32, b == Type::s32);
}

constexpr TypeSet kIntegers32 = types(Type::u32, Type::s32);

constexpr OpcodeRow kRows[] = {
    {"mul", kIntegers16To64, choose_mul, "9.7.1.3"}, {"mad", kIntegers16To64, choose_mad, "9.7.1.4"},
    {"mul24", kIntegers32, choose_mul24, "9.7.1.5"}, {"mad24", kIntegers32, choose_mad24, "9.7.1.6"},
    {"sad", kIntegers16To64, choose_sad, "9.7.1.7"}, {"dp4a", kIntegers32, choose_dp4a, "9.7.1.23"},
    {"dp2a", kIntegers32, choose_dp2a, "9.7.1.24"},
};

}  // namespace
VGPU_SOFT_ROWS(integer_multiply, kRows)
}  // namespace vgpu::soft::VGPU_ISA
