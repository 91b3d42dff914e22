// SPDX-License-Identifier: Apache-2.0
// The decoded form: what lowering makes of PTX and a warp executes. Immutable after lowering, shared by all threads.
// An instruction names rows (registers, constants, special registers, all alike), so a handler never looks at operand
// kinds. One handler call serves the warp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vgpu::soft {

class Warp;
struct Instruction;
struct Function;

// Bit i stands for lane i of the warp.
using LaneMask = uint32_t;
inline constexpr unsigned kLanes = 32;
inline constexpr LaneMask kAllLanes = 0xffffffffu;

// Executes one instruction for the lanes in `mask`, which is never empty and already honours the guard predicate.
// Lanes outside the mask keep their values.
using Handler = void (*)(Warp& warp, const Instruction& instruction, LaneMask mask);

// Where a row lies: an offset from one of the warp's bases. Rows are at least 4-byte aligned, so the base's number is
// in the low two bits. A row of T is T[32]; rows of 8, 16, 32, 64, 128-bit elements take 32, 64, 128, 256, 512 bytes
// and are aligned to 64 (8-bit: 32). A predicate is one uint32_t, bit i for lane i.
struct Operand {
  enum Base : uint32_t { frame = 0, constant = 1, special = 2, absolute = 3 };
  uint32_t bits = 0;

  static constexpr Operand at(Base base, uint32_t offset) { return Operand{offset | base}; }
  constexpr uint32_t base() const { return bits & 3u; }
  constexpr uint32_t offset() const { return bits & ~3u; }
  constexpr bool operator==(const Operand&) const = default;
};

inline constexpr unsigned kInlineOperands = 6;

struct Instruction {
  Handler handler = nullptr;  // what the warp calls: `body`, or the generic guard, which calls `body`
  Handler body = nullptr;
  Operand operand[kInlineOperands];  // results first, then sources, as the chooser declared them
  uint32_t line = 0;                 // of the PTX text
  int64_t immediate = 0;             // the chooser's: address displacement, lookup table, branch target ...
  const Operand* more = nullptr;     // all operands, when there are more than kInlineOperands (mma and other wide ones)
  Operand guard;                     // predicate row, when handler != body
  bool guard_negated = false;
  uint8_t aux = 0;     // the chooser's
  uint16_t count = 0;  // operands

  Operand at(unsigned index) const { return more != nullptr ? more[index] : operand[index]; }
};

}  // namespace vgpu::soft
