// SPDX-License-Identifier: Apache-2.0
// The syntax tree of one PTX module: plain data, filled by parser.h, read by the machine's lowering. Names are
// resolved: every register, label and variable of a function has a dense number, whatever { } scope declared it.
// All names are views into Module::text, so a Module is neither copied nor moved: it lives behind a unique_ptr.
// Immutable after parsing, so any number of threads may read it. Section numbers are those of the PTX ISA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "softgpu/ptx/words.h"

namespace vgpu::soft::ptx {

inline constexpr uint32_t kNone = UINT32_MAX;  // "no such register, label, symbol, variable"

// Fundamental and packed types (5.2). Modifiers of instructions stay Words; type_of() turns a Word into a Type.
enum class Type : uint8_t {
  none,
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
  f32,
  f64,
  bf16,
  tf32,
  f16x2,
  bf16x2,
  u16x2,
  s16x2,
  f32x2,
  e4m3,
  e5m2,
  e4m3x2,
  e5m2x2,
  e2m1x2,
  e2m3x2,
  e3m2x2,
  ue8m0x2,
  pred,
  texref,
  samplerref,
  surfref,
};
uint32_t size_of(Type type);  // bytes; pred 1, opaque references 8, none 0
Type type_of(Word word);      // Type::none when the word names no type
std::string_view type_name(Type type);

enum class Space : uint8_t { none, reg, global, constant, shared, local, param };
enum class Linkage : uint8_t { internal, visible, external, weak, common };

// An address put into a variable's bytes when the module is loaded (5.4.4).
struct Relocation {
  uint64_t offset = 0;      // where, in bytes from the variable's start
  uint32_t size = 0;        // bytes written there
  uint32_t symbol = kNone;  // index into Module::symbols; a function's value is the machine's choice
  int64_t addend = 0;
  bool generic = false;  // generic(symbol): the generic address, else the address inside the symbol's space
  uint64_t mask = 0;     // 0 = the whole address; else `mask(symbol)`: (address & mask) >> trailing zeros of mask
};

struct Variable {
  std::string_view name;    // without the <n> of a parameterised name; number() says which one it is
  uint32_t number = kNone;  // of `.shared .b32 buffer<4>`: 0..3; kNone otherwise
  uint32_t line = 0;
  Space space = Space::none;
  Linkage linkage = Linkage::internal;
  Type type = Type::none;
  uint8_t vector = 1;                // .v2, .v4, .v8
  bool managed = false;              // .attribute(.managed)
  bool unsized = false;              // `x[]` without initialiser: dynamic shared memory, or a variadic .param
  uint32_t alignment = 0;            // bytes, a power of two: .align, or the natural alignment of the element
  uint64_t size = 0;                 // bytes; 0 when unsized
  std::vector<uint64_t> dimensions;  // of an array, outermost first; empty for a scalar
  std::vector<std::byte> initial;    // from the start; what is missing up to size is zero
  std::vector<Relocation> relocations;
  // Only of .param: `.ptr .global .align 16` is what the pointer points to (hints), and the register of a .reg param.
  bool pointer = false;
  Space pointee_space = Space::none;
  uint32_t pointee_alignment = 0;
  uint32_t register_id = kNone;  // of a `.reg` parameter or result of a .func
};

// A register. Vector registers (`.reg .v4 .f32 %v`) are as many consecutive scalar ones.
struct Register {
  Type type = Type::none;
  uint32_t range = 0;  // index into Function::register_ranges
};

struct RegisterRange {
  std::string_view name;  // "%r" of `%r<100>`, or the whole name
  bool numbered = false;  // declared with <n>
  Type type = Type::none;
  uint8_t vector = 1;
  uint32_t first = 0;  // register id of number 0
  uint32_t count = 0;  // registers; of a vector range count * vector ids are taken
};

enum class OperandKind : uint8_t {
  none,
  reg,             // index = register id; negated: `!%p`; selector: .b0 .h1 of a video instruction
  special,         // special = e.g. Word::sr_tid_; selector = x_ y_ z_ w_ or none_; value = n of %envreg<n>, %pm<n>
  integer,         // value = 64 bits; is_unsigned: the literal's class (4.5.1)
  float32,         // value = the 32 bits of 0fXXXXXXXX
  float64,         // value = the 64 bits of 0dXXXXXXXXXXXXXXXX or of a decimal literal
  symbol,          // base + index name it, value = byte offset (signed): `mov.u64 %rd1, array+8`, or a callee
  address,         // `[...]`: base none (absolute), reg or a symbol, value = byte offset (signed)
  tuple,           // `[a, b, {c, d}]` of tex, tld4, suld, cp.async.bulk.tensor: elements are addresses and vectors
  vector,          // `{a, b}`: elements index..index+count
  pair,            // `p|q`: two elements; either may be a sink
  sink,            // `_`
  label,           // index into Function::labels
  list,            // `(a, b)` of a call: elements index..index+count
  prototype,       // index into Function::prototypes
  call_targets,    // index into Function::target_lists
  branch_targets,  // index into Function::target_lists
};

// What index means in a symbol or address operand.
enum class Base : uint8_t {
  none,
  reg,        // register id
  module,     // Module::symbols
  variable,   // Function::variables (declared in the body)
  parameter,  // Function::parameters
  result,     // Function::results
};

struct Operand {
  OperandKind kind = OperandKind::none;
  Base base = Base::none;
  bool negated = false;
  bool is_unsigned = false;
  Word special = Word::none_;
  Word selector = Word::none_;
  uint32_t index = 0;
  uint32_t count = 0;  // elements of tuple, vector, pair, list; they lie in Function::operands from index on
  uint64_t value = 0;

  int64_t signed_value() const { return static_cast<int64_t>(value); }
};

// `@!%p mad.lo.s32 %r1, %r2, %r3, %r4;` has opcode mad_ and modifiers lo_, s32_. A call always has four operands:
// results (list, maybe empty), callee (symbol or reg), arguments (list), and prototype, call_targets or none.
struct Instruction {
  Word opcode = Word::none_;
  bool guard_negated = false;
  uint8_t modifier_count = 0;
  uint32_t operand_count = 0;
  uint32_t first_modifier = 0;  // in Function::modifiers
  uint32_t first_operand = 0;   // in Function::operands
  uint32_t guard = kNone;       // register id of the predicate
  uint32_t line = 0;            // of the PTX text, from 1
};

struct Label {
  std::string_view name;
  uint32_t instruction = 0;  // index of the instruction it stands before; may equal the number of instructions
};

struct Prototype {  // .callprototype
  std::string_view name;
  std::vector<Variable> results;
  std::vector<Variable> parameters;
  bool noreturn = false;
};

struct TargetList {  // .branchtargets, .calltargets
  std::string_view name;
  bool calls = false;
  std::vector<uint32_t> targets;  // labels, or Module::symbols when calls
};

struct SourceLocation {  // .loc: holds from this instruction on
  uint32_t instruction = 0;
  uint32_t file = 0;  // number of a .file
  uint32_t line = 0;
  uint32_t column = 0;
};

struct Pragma {
  std::string_view text;     // without quotes
  uint32_t instruction = 0;  // stands before this one
};

// Performance and cluster directives (11.4); 0 = not given.
struct Directives {
  uint32_t maxntid[3] = {0, 0, 0};  // missing dimensions are 1 when the directive is given
  uint32_t reqntid[3] = {0, 0, 0};
  uint32_t minnctapersm = 0;
  uint32_t maxnctapersm = 0;
  uint32_t maxnreg = 0;
  uint32_t reqnctapercluster[3] = {0, 0, 0};
  uint32_t maxclusterrank = 0;
  bool explicitcluster = false;
  bool blocksareclusters = false;
  bool noreturn = false;
};

struct Function {
  std::string_view name;
  uint32_t line = 0;
  uint32_t symbol = kNone;  // its own index in Module::symbols
  bool entry = false;       // .entry, else .func
  bool defined = false;     // has a body
  Linkage linkage = Linkage::internal;
  Directives directives;
  std::vector<Variable> results;
  std::vector<Variable> parameters;
  std::vector<Variable> variables;  // .shared, .local and .param declared in the body
  std::vector<Register> registers;  // by register id
  std::vector<RegisterRange> register_ranges;
  std::vector<Label> labels;
  std::vector<Prototype> prototypes;
  std::vector<TargetList> target_lists;
  std::vector<Instruction> instructions;
  std::vector<Operand> operands;  // pool
  std::vector<Word> modifiers;    // pool
  std::vector<SourceLocation> locations;
  std::vector<Pragma> pragmas;

  std::span<const Operand> operands_of(const Instruction& instruction) const {
    return {operands.data() + instruction.first_operand, instruction.operand_count};
  }
  std::span<const Word> modifiers_of(const Instruction& instruction) const {
    return {modifiers.data() + instruction.first_modifier, instruction.modifier_count};
  }
  // The elements of a tuple, vector, pair or list.
  std::span<const Operand> elements_of(const Operand& operand) const {
    return {operands.data() + operand.index, operand.count};
  }
  std::string register_name(uint32_t id) const;  // as in the text: "%r12", "%v3.x"
};

enum class SymbolKind : uint8_t { variable, function };

struct Symbol {  // a name of module scope; a declaration and its later definition are one symbol
  std::string_view name;
  SymbolKind kind = SymbolKind::variable;
  uint32_t index = 0;  // into Module::variables or Module::functions
};

struct Alias {  // .alias name, aliasee (both declared functions of this module)
  uint32_t symbol = kNone;
  uint32_t aliasee = kNone;
};

struct SourceFile {
  uint32_t number = 0;
  std::string_view name;
};

struct Module {
  std::string text;  // owns every name
  uint32_t version_major = 0, version_minor = 0;
  std::vector<std::string_view> targets;  // of .target: "sm_90a", "debug", "texmode_independent"
  uint32_t target_capability = 0;         // 90 of sm_90a
  char target_suffix = 0;                 // 'a', 'f' or 0
  bool debug = false;
  uint32_t address_size = 32;  // 32 is PTX's default when the directive is missing
  std::vector<Symbol> symbols;
  std::vector<Variable> variables;  // module scope; .global and .const of function bodies are here too
  std::vector<Function> functions;
  std::vector<Alias> aliases;
  std::vector<SourceFile> files;
  std::vector<std::string_view> unknown_words;  // by Word - kKnownWords: opcodes and modifiers words.h does not list

  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  std::string_view word_text(Word word) const;        // "mad", "shared::cta"
  uint32_t find_symbol(std::string_view name) const;  // index into symbols, or kNone; linear
  // "mad.lo.s32", for messages.
  std::string instruction_text(const Function& function, const Instruction& instruction) const;
};

}  // namespace vgpu::soft::ptx
