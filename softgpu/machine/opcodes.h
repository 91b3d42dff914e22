// SPDX-License-Identifier: Apache-2.0
// The opcode table: one row per instruction form, kept in the file of its class (softgpu/machine/ops/<class>.cpp), and
// the Choice with which a row's chooser reads an instruction's modifiers, declares its operands and picks the handler.
// Used while lowering; immutable afterwards, so thread-safe.
//
// To add an instruction:
//   1. Find its class file in ops/ (or add one: name it in VGPU_SOFT_CLASSES below, copy the shape of integer_add.cpp).
//   2. Write the handler, best as a small Op type for unary/binary/ternary of ops/lanes.h. A handler sees rows only:
//      immediates, symbols' addresses and special registers have been made rows, negated predicates have been inverted,
//      a sink `_` is a row that nobody reads, the guard is in the mask.
//   3. Write the chooser. It takes the modifiers it knows, declares the operands in the order of the PTX text (result,
//      source ...; Instruction::operand has them in this order), and returns the handler, or nullptr when the form is
//      not its own. Rows of the same name are tried in turn. What it leaves untaken, a modifier or an operand, and a
//      register of the wrong width make the form unsupported, so forgetting a modifier cannot give wrong results.
//   4. Add the row {"name", accepted types, chooser, "PTX ISA section"}. The accepted types are compared with the first
//      type among the modifiers, as in `mad.lo.s32`; kAnyType skips that check.
//   5. Write tests/ptx/<name>.ptx, and its forms into tests/ptx_forms.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "softgpu/machine/instruction.h"
#include "softgpu/machine/type.h"
#include "softgpu/machine/warp.h"

// Classes compiled per instruction set of the host. Each defines rows with VGPU_SOFT_ROWS.
#define VGPU_SOFT_CLASSES(X) \
  X(integer_add)             \
  X(integer_multiply)        \
  X(integer_divide)          \
  X(integer_order)           \
  X(integer_bit)             \
  X(integer_carry)           \
  X(logic)                   \
  X(shift)                   \
  X(compare)                 \
  X(select)                  \
  X(move)                    \
  X(float_arithmetic)        \
  X(float_divide)            \
  X(float_approximate)       \
  X(float_order)             \
  X(float_mixed)             \
  X(half_arithmetic)         \
  X(convert_integer)         \
  X(convert_float)           \
  X(convert_packed)          \
  X(matrix_multiply)         \
  X(matrix_sparse)           \
  X(matrix_load)             \
  X(matrix_quad)             \
  X(matrix_bits)             \
  X(warp_group)              \
  X(wmma)                    \
  X(wmma_small)              \
  X(bulk_copy)               \
  X(tensor_copy)             \
  X(async_store)             \
  X(async_copy)              \
  X(video)                   \
  X(load_store)              \
  X(atomic)                  \
  X(atomic_vector)
// Classes that work on the schedule or on textures rather than on rows; compiled once, in softgpu/machine/.
#define VGPU_SOFT_PORTABLE_CLASSES(X) \
  X(barrier)                          \
  X(warp_sync)                        \
  X(memory_order)                     \
  X(mbarrier)                         \
  X(tensor_map)                       \
  X(texture)                          \
  X(texture_query)                    \
  X(surface)

namespace vgpu::soft {

namespace ptx {
struct Operand;
}

// What the operand at the cursor looks like in the text.
enum class Shape : uint8_t { none, reg, immediate, vector, pair, sink, predicate_register, address, other };

// The operands and modifiers of one instruction while its handler is chosen. All functions are out of line on purpose:
// choosers are compiled for several instruction sets.
class Choice {
 public:
  struct Source;  // the instruction in the syntax tree, lowering's business
  explicit Choice(const Source& source);

  const char* opcode() const;

  // Modifiers. take: true when present, and then it counts as handled. take_one: index of the first of the listed ones
  // that is present (taken), or -1. take_type: the next type among the untaken modifiers, in order; none if there is
  // none.
  bool take(const char* modifier);
  bool has(const char* modifier) const;  // it is among the untaken ones
  int take_one(const char* const* list, size_t count);
  template <size_t N>
  VGPU_INLINE int take_one(const char* const (&list)[N]) {
    return take_one(list, N);
  }
  // The same for the one that comes first in the text, where the order means something (`row.col`).
  int take_first(const char* const* list, size_t count);
  template <size_t N>
  VGPU_INLINE int take_first(const char* const (&list)[N]) {
    return take_first(list, N);
  }
  Type take_type();
  Type peek_type() const;

  // The operand at the cursor.
  Shape shape() const;
  unsigned width() const;     // bits of its register or of its first element's register; 0 for others
  unsigned elements() const;  // of a vector, else 1
  const char* selector();     // "b0" of a video instruction's `%r1.b0`, "" when there is none; counts as handled
  bool more() const;          // operands are left

  // Declaring operands moves the cursor. Registers must have exactly the type's width; immediates are converted to it.
  void result(Type type);
  void source(Type type);
  // `d|p`: the second result. When the text has none, the operand becomes a sink; returns whether it is there.
  bool second_result(Type type);
  // A register wider than the type is allowed, as for ld, st and cvt (PTX ISA 9.4.1): lowering adds the extension of
  // the result by the type's sign, or the truncation of the source.
  void result_relaxed(Type type);
  void source_relaxed(Type type);
  // `{a, b}`: exactly `count` elements, each declared as one operand. A plain register counts as a vector of one.
  void results(Type type, unsigned count);
  void sources(Type type, unsigned count);
  void results_relaxed(Type type, unsigned count);
  void sources_relaxed(Type type, unsigned count);
  // `[a, {x, y}]` of texture and surface instructions: opens the tuple, whose elements are then declared like operands.
  // False when the operand at the cursor is none.
  bool open();
  // The first `count` elements of a vector of one, two or four, as 32-bit sources: coordinates and gradients, whose
  // other elements mean nothing. One may be a plain register.
  void coordinates(unsigned count);
  // The texture or surface of such an instruction: a source row of its 64-bit handle. `[a]` of a query, too.
  void handle();
  // An operand that must be an integer literal (lop3's table); not a row, not in Instruction::operand.
  int64_t constant();
  // A row of this type holding `value` in all lanes, as an additional source (for an operand the text may leave out).
  void source_value(Type type, uint64_t value);

  // Goes into the instruction as it is.
  void set_immediate(int64_t value);
  void set_aux(uint8_t value);

  // `[base+offset]` of memory instructions: declares the base as a source row of the returned width (32 or 64 bits;
  // 64 for symbols and absolute addresses) and puts the offset into the immediate. Only memory classes use it.
  unsigned address();

  // Whether the instruction stands in a kernel, where .param is the kernel's.
  bool in_kernel() const;
  // The address at the cursor names a kernel parameter directly, or one of a device function (of the caller or callee).
  bool names_kernel_parameter() const;
  bool address_in_register() const;  // of the address at the cursor

  // Lowering's side.
  struct Slot {
    enum class Role : uint8_t { result, source, value, address } role = Role::value;
    Type type = Type::none;
    bool relaxed = false;
    const ptx::Operand* operand = nullptr;  // nullptr: a sink, or Role::value
    uint64_t value = 0;                     // Role::value
  };
  static constexpr unsigned kMaxSlots = 144;  // wgmma has 134 operands
  void restart();                             // forget what an earlier chooser took and declared
  bool complete() const;                      // everything taken, nothing mismatched
  bool mismatched() const { return mismatched_; }
  size_t slot_count() const { return slot_count_; }
  const Slot& slot(size_t index) const { return slots_[index]; }
  int64_t immediate() const { return immediate_; }
  uint8_t aux() const { return aux_; }

 private:
  const ptx::Operand* current() const;  // under the cursor, nullptr at the end
  void advance();
  void declare(Slot::Role role, Type type, bool relaxed);
  void declare_many(Slot::Role role, Type type, unsigned count, bool relaxed);
  void push(Slot::Role role, Type type, bool relaxed, const ptx::Operand* operand);
  bool fits(const Slot& slot) const;

  const Source& source_;
  uint64_t taken_ = 0;      // modifiers, by index
  uint64_t selectors_ = 0;  // operands whose selector was looked at, by index
  uint32_t cursor_ = 0;     // operand of the instruction
  bool pair_half_ = false;  // the first of a pair is declared
  bool in_tuple_ = false;   // the operand at the cursor is an open tuple
  uint32_t element_ = 0;    // of that tuple
  bool mismatched_ = false;
  size_t slot_count_ = 0;
  std::array<Slot, kMaxSlots> slots_;
  int64_t immediate_ = 0;
  uint8_t aux_ = 0;
};

struct OpcodeRow {
  const char* name;
  TypeSet accepted;
  Handler (*choose)(Choice&);
  const char* section;  // of the PTX ISA
};

struct OpcodeRows {
  const OpcodeRow* rows;
  size_t count;
};

#define VGPU_SOFT_DECLARE(name) OpcodeRows name##_rows();
namespace baseline {
VGPU_SOFT_CLASSES(VGPU_SOFT_DECLARE)
}
namespace v3 {
VGPU_SOFT_CLASSES(VGPU_SOFT_DECLARE)
}
namespace portable {
VGPU_SOFT_PORTABLE_CLASSES(VGPU_SOFT_DECLARE)
}
#undef VGPU_SOFT_DECLARE

// The handler for an instruction, from the rows for this host's instruction set; nullptr: not supported. On success
// `choice` holds what its chooser declared. `mismatch` tells that a row knows the form but not these operands.
Handler choose_handler(const Choice::Source& source, Choice& choice, bool& mismatch);

// Stands at the end of a class file, inside namespace vgpu::soft::VGPU_ISA, with `table` a constexpr OpcodeRow array.
#define VGPU_SOFT_ROWS(class_name, table) \
  OpcodeRows class_name##_rows() { return {table, sizeof(table) / sizeof(table[0])}; }

}  // namespace vgpu::soft
