// SPDX-License-Identifier: Apache-2.0
// The recursive-descent parser's state, shared by parser.cpp (module), parse_variable.cpp, parse_constant.cpp,
// parse_function.cpp and parse_instruction.cpp. Nobody else includes it. One Parser per text, one thread.
// The first failure ends the text: every token after it is `end`, so loops run out and nobody checks each step.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "softgpu/ptx/lexer.h"
#include "softgpu/ptx/names.h"
#include "softgpu/ptx/parser.h"

namespace vgpu::soft::ptx {

inline constexpr uint32_t kMaxVersionMajor = 9, kMaxVersionMinor = 9;  // a newer PTX ISA is refused
inline constexpr uint32_t kKnownMajor = 9, kKnownMinor = 0;            // up to here words.inc lists every opcode
inline constexpr size_t kMaxText = size_t{1} << 30;                    // so that no 32-bit number of the tree wraps
inline constexpr uint32_t kMaxNesting = 64;                            // of { } scopes, brackets and parentheses
inline constexpr uint32_t kMaxRegisters = 1U << 20;                    // of one function
inline constexpr uint32_t kMaxNumbered = 1U << 16;                     // variables declared with <n>, per module
inline constexpr uint64_t kMaxVariableBytes = uint64_t{1} << 46;       // more than an address space has room for

// The value of a constant expression (4.5.4): an integer, float32 or float64 token's value.
struct Constant {
  TokenKind kind = TokenKind::integer;
  bool is_unsigned = false;
  uint64_t value = 0;

  bool is_integer() const { return kind == TokenKind::integer; }
  double as_double() const;
};

class Parser {
 public:
  explicit Parser(Module& module);
  void parse_module();
  bool failed() const { return failed_; }
  ParseError take_error() { return std::move(error_); }

 private:
  // A name used before its label, prototype or list of targets is declared.
  struct Fixup {
    std::string_view name;
    uint32_t line = 0;
    uint32_t operand = kNone;            // in Function::operands; kNone: a label of a target list
    uint32_t list = kNone, element = 0;  // in Function::target_lists
  };

  // Tokens.
  void advance();
  bool at(char punctuation) const { return token_.kind == TokenKind::punctuation && token_.punctuation == punctuation; }
  bool at(TokenKind kind) const { return token_.kind == kind; }
  bool at_dot(std::string_view text) const { return at(TokenKind::dot) && token_.text == text; }
  bool accept(char punctuation);
  void expect(char punctuation);
  std::string_view expect_name(const char* what);
  std::string shown_token() const;
  void fail(std::string message, uint32_t line = 0);
  void fail_named(std::string_view name, const char* what, uint32_t line = 0);
  void fail_expected(std::string_view what);

  // Constant expressions: parse_constant.cpp.
  bool at_constant() const;
  Constant parse_constant();
  uint64_t parse_count(const char* what, uint64_t limit, bool in_angles = false);
  Constant parse_conditional();
  Constant parse_binary(int weakest);
  Constant parse_unary();
  Constant parse_primary();
  Constant parse_cast_or_parentheses();
  Constant apply(char operation, const Constant& a, const Constant& b);
  Constant apply_integer(char operation, const Constant& a, const Constant& b);
  Constant apply_float(char operation, const Constant& a, const Constant& b);

  // The module: parser.cpp.
  void parse_version();
  void parse_target();
  void parse_module_directive();
  bool parse_linkage(Linkage& linkage);
  void parse_linked(Linkage linkage);
  void parse_alias();
  void parse_file();
  void skip_section();
  void skip_parentheses();
  uint32_t declare_symbol(std::string_view name, SymbolKind kind);

  // Variables: parse_variable.cpp.
  void parse_variables(Variable prefix);
  bool parse_variable_prefix(Variable& variable);
  bool apply_variable_word(Variable& variable);
  void parse_variable_attribute(Variable& variable);
  bool finish_variable(Variable& variable);
  void parse_dimensions(Variable& variable);
  void parse_initialiser(Variable& variable);
  void parse_initial_row(Variable& variable, size_t level, uint64_t offset, uint64_t& end);
  void parse_initial_value(Variable& variable, uint64_t offset);
  void parse_relocation(Variable& variable, uint64_t offset, uint64_t mask);
  void parse_relocation_target(Relocation& relocation);
  void parse_addend(Relocation& relocation);
  void parse_sampler_properties();
  void put_constant(Variable& variable, uint64_t offset, const Constant& constant);
  std::byte* reserve_initial(Variable& variable, uint64_t offset, uint64_t size);
  void add_variable(Variable variable);
  void add_module_variable(Variable variable);
  void parse_registers();
  uint32_t add_registers(std::string_view name, bool numbered, Type type, uint8_t vector, uint64_t count);

  // Functions: parse_function.cpp.
  void parse_function(Linkage linkage, bool entry);
  void parse_parameters(std::vector<Variable>& parameters, Meaning meaning);
  void parse_function_directives(Directives& directives);
  void parse_dimensions3(uint32_t (&dimensions)[3]);
  void store_function(Function&& function);
  void parse_body();
  void parse_body_directive();
  void parse_location();
  void parse_pragma();
  void parse_label_or_instruction();
  void declare_label(std::string_view name, uint32_t line);
  void parse_target_list(std::string_view name, bool calls);
  void parse_prototype(std::string_view name);
  void open_scope();
  void close_scope();
  void resolve_fixups(size_t first);

  // Instructions: parse_instruction.cpp.
  void parse_instruction();
  void parse_guard(Instruction& instruction);
  void parse_instruction_behind(std::string_view opcode, Instruction& instruction);
  void parse_call();
  Operand parse_operand(uint32_t nesting);
  Operand parse_single(uint32_t nesting);
  Operand parse_named_operand();
  Operand parse_elements(OperandKind kind, char close, uint32_t nesting);
  Operand parse_address(uint32_t nesting);
  Operand parse_address_element(uint32_t nesting);
  Operand parse_pair(Operand first);
  Operand constant_operand();
  void parse_selector(Operand& operand);
  void parse_index(Operand& operand);
  int64_t parse_offset();
  Operand store_elements(Operand operand, size_t first);
  Operand resolve(const Token& name);
  Operand bind(const Binding& binding, uint32_t number, const Token& name);
  Operand bind_register(const RegisterRange& range, uint32_t number);
  const Binding* find_numbered(std::string_view name, uint32_t& number) const;
  Operand resolve_special(const Token& name);
  Operand add_fixup(const Token& name);
  uint64_t element_size(const Operand& operand) const;
  Word intern(std::string_view text);

  Module& module_;
  Lexer lexer_;
  Token token_;  // the next one that nobody has consumed
  bool failed_ = false;
  ParseError error_;
  uint32_t nesting_ = 0;      // of constant expressions
  uint64_t initial_budget_;   // bytes that initialisers may still take: padding must not outgrow the text
  uint64_t register_budget_;  // registers that functions may still declare
  uint32_t numbered_budget_ = kMaxNumbered;
  NameTable symbols_;  // module scope
  std::unordered_map<std::string_view, Word> unknown_words_;

  // Of the function at hand.
  Function function_;
  bool in_body_ = false;
  bool may_have_new_opcodes_ = false;  // the text's PTX ISA is newer than words.inc
  Word opcode_ = Word::none_;          // of the instruction at hand
  NameTable names_;
  NameTable ranges_;  // numbered names, by their prefix
  std::vector<Fixup> fixups_;
  std::vector<size_t> fixup_marks_;  // number of fixups when each scope opened
  std::vector<Operand> scratch_;     // operands not yet in the pool, used as a stack
};

}  // namespace vgpu::soft::ptx
