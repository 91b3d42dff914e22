// SPDX-License-Identifier: Apache-2.0
// Extended-precision arithmetic over the carry flag CC.CF: add.cc, addc, sub.cc, subc, mad.cc, madc (PTX ISA 9.7.2).
// The flag is a bit per lane in Warp::carry. A difference is the sum a + ~b + 1, so that it leaves 0 in the flag where
// it borrows. The PTX ISA does not say so, but the compiler's own 128-bit division reads the flag of sub.cc with addc.
#include "softgpu/machine/ops/lanes.h"

namespace vgpu::soft::VGPU_ISA {
namespace {

constexpr uint8_t kReads = 1, kWrites = 2;  // of the flag, in Instruction::aux

// Commits sums: result(i, carry_in) returns the value and stores the carry out of lane i; carry_in is `fresh` in all
// lanes where the instruction begins a chain.
template <class T, class F>
VGPU_INLINE void carry_lanes(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask fresh, F result) {
  const LaneMask carry_in = (instruction.aux & kReads) != 0 ? warp.carry : fresh;
  T values[kLanes];
  LaneMask carry_out = 0;
  for (unsigned i = 0; i < kLanes; ++i) {
    bool carry = false;
    values[i] = result(i, static_cast<T>(carry_in >> i & 1u), carry);
    carry_out |= carry ? LaneMask{1} << i : 0u;
  }
  for_lanes(mask, warp.row<T>(instruction.operand[0]), [&](unsigned i) { return values[i]; });
  if ((instruction.aux & kWrites) != 0) warp.carry = (warp.carry & ~mask) | (carry_out & mask);
}

template <class T>
VGPU_INLINE T add_with_carry(T a, T b, T carry_in, bool& carry) {
  const T sum = static_cast<T>(a + b), total = static_cast<T>(sum + carry_in);
  carry = sum < a || total < sum;
  return total;
}

template <class T>
void add(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const T* a = warp.row<T>(instruction.operand[1]);
  const T* b = warp.row<T>(instruction.operand[2]);
  carry_lanes<T>(warp, instruction, mask, 0,
                 [=](unsigned i, T carry_in, bool& carry) { return add_with_carry(a[i], b[i], carry_in, carry); });
}

template <class T>
void subtract(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const T* a = warp.row<T>(instruction.operand[1]);
  const T* b = warp.row<T>(instruction.operand[2]);
  carry_lanes<T>(warp, instruction, mask, kAllLanes, [=](unsigned i, T carry_in, bool& carry) {
    return add_with_carry(a[i], static_cast<T>(~b[i]), carry_in, carry);
  });
}

// The half of a product that mad adds; the signed upper half differs from the unsigned one.
enum class Half { low, high, high_signed };

template <class T, Half half>
VGPU_INLINE T part(T a, T b) {
  using Unsigned = std::conditional_t<sizeof(T) == 4, uint64_t, unsigned __int128>;
  using Signed = std::conditional_t<sizeof(T) == 4, int64_t, __int128>;
  using Element = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  if constexpr (half == Half::low) return static_cast<T>(a * b);
  if constexpr (half == Half::high) return static_cast<T>(static_cast<Unsigned>(a) * b >> (sizeof(T) * 8));
  return static_cast<T>(static_cast<Signed>(static_cast<Element>(a)) * static_cast<Element>(b) >> (sizeof(T) * 8));
}

template <class T, Half half>
void multiply_add(Warp& warp, const Instruction& instruction, LaneMask mask) {
  const T* a = warp.row<T>(instruction.operand[1]);
  const T* b = warp.row<T>(instruction.operand[2]);
  const T* c = warp.row<T>(instruction.operand[3]);
  carry_lanes<T>(warp, instruction, mask, 0, [=](unsigned i, T carry_in, bool& carry) {
    return add_with_carry(part<T, half>(a[i], b[i]), c[i], carry_in, carry);
  });
}

// `.cc` writes the flag. Without it, an instruction that does not read the flag belongs to another class.
Type take_flags(Choice& choice, bool reads, unsigned sources) {
  const bool writes = choice.take("cc");
  const Type type = choice.take_type();
  choice.result(type);
  for (unsigned i = 0; i < sources; ++i) choice.source(type);
  choice.set_aux(static_cast<uint8_t>((reads ? kReads : 0) | (writes ? kWrites : 0)));
  return reads || writes ? type : Type::none;
}

template <bool reads>
Handler choose_add(Choice& choice) {
  const unsigned bits = bits_of(take_flags(choice, reads, 2));
  return bits == 32 ? Handler{add<uint32_t>} : bits == 64 ? add<uint64_t> : nullptr;
}

template <bool reads>
Handler choose_subtract(Choice& choice) {
  const unsigned bits = bits_of(take_flags(choice, reads, 2));
  return bits == 32 ? Handler{subtract<uint32_t>} : bits == 64 ? subtract<uint64_t> : nullptr;
}

template <class T>
Handler multiply_add_of(bool high, bool is_signed_type) {
  if (!high) return multiply_add<T, Half::low>;
  return is_signed_type ? multiply_add<T, Half::high_signed> : multiply_add<T, Half::high>;
}

template <bool reads>
Handler choose_multiply_add(Choice& choice) {
  static constexpr const char* kHalves[] = {"lo", "hi"};
  const int half = choice.take_one(kHalves);
  const Type type = take_flags(choice, reads, 3);
  if (half < 0 || type == Type::none) return nullptr;
  const bool negative = is_signed(type);
  return bits_of(type) == 32 ? multiply_add_of<uint32_t>(half == 1, negative)
                             : multiply_add_of<uint64_t>(half == 1, negative);
}

constexpr OpcodeRow kRows[] = {
    {"add", kIntegers32And64, choose_add<false>, "9.7.2.1"},
    {"addc", kIntegers32And64, choose_add<true>, "9.7.2.2"},
    {"sub", kIntegers32And64, choose_subtract<false>, "9.7.2.3"},
    {"subc", kIntegers32And64, choose_subtract<true>, "9.7.2.4"},
    {"mad", kIntegers32And64, choose_multiply_add<false>, "9.7.2.5"},
    {"madc", kIntegers32And64, choose_multiply_add<true>, "9.7.2.6"},
};

}  // namespace
VGPU_SOFT_ROWS(integer_carry, kRows)
}  // namespace vgpu::soft::VGPU_ISA
