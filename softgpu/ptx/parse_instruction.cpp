// SPDX-License-Identifier: Apache-2.0
// Instructions and their operands (6, 9.1 to 9.3). Names become numbers here.
#include <algorithm>
#include <charconv>

#include "softgpu/ptx/parser_state.h"

namespace vgpu::soft::ptx {
namespace {

// x, y, z, w or r, g, b, a; 4 when the word is no component.
uint32_t component_of(std::string_view word) {
  if (word.size() != 1) return 4;
  const size_t xyzw = std::string_view("xyzw").find(word[0]);
  const size_t rgba = std::string_view("rgba").find(word[0]);
  return static_cast<uint32_t>(std::min({xyzw, rgba, size_t{4}}));
}

bool is_special(Word word) { return known_word_text(word).starts_with('%'); }

}  // namespace

Word Parser::intern(std::string_view text) {
  const Word known = find_word(text);
  if (known != Word::none_) return known;
  const size_t next = kKnownWords + module_.unknown_words.size();
  const auto [place, added] = unknown_words_.try_emplace(text, static_cast<Word>(next));
  if (added && next >= UINT16_MAX) fail("too many unknown words");
  if (added) module_.unknown_words.push_back(text);
  return place->second;
}

void Parser::parse_instruction() {
  Instruction instruction;
  instruction.line = token_.line;
  parse_guard(instruction);
  const std::string_view opcode = expect_name("an instruction");
  if (!failed_) parse_instruction_behind(opcode, instruction);
}

// `@p` or `@!p`
void Parser::parse_guard(Instruction& instruction) {
  expect('@');
  instruction.guard_negated = accept('!');
  const Token name = token_;
  expect_name("a predicate");
  if (failed_) return;
  const Operand guard = resolve(name);
  if (failed_) return;
  if (guard.kind != OperandKind::reg || function_.registers[guard.index].type != Type::pred) {
    return fail_named(name.text, "is not a predicate", name.line);
  }
  instruction.guard = guard.index;
}

void Parser::parse_instruction_behind(std::string_view opcode, Instruction& instruction) {
  opcode_ = instruction.opcode = intern(opcode);
  if (!is_opcode(opcode_) && !may_have_new_opcodes_) {
    return fail_named(opcode, "is not an instruction", instruction.line);
  }
  instruction.first_modifier = static_cast<uint32_t>(function_.modifiers.size());
  for (; at(TokenKind::dot); advance()) function_.modifiers.push_back(intern(token_.text));
  const size_t modifiers = function_.modifiers.size() - instruction.first_modifier;
  if (modifiers > UINT8_MAX) return fail("too many modifiers");
  instruction.modifier_count = static_cast<uint8_t>(modifiers);

  const size_t first = scratch_.size();
  if (opcode_ == Word::call_) {
    parse_call();
  } else if (!at(';')) {
    do scratch_.push_back(parse_operand(0));
    while (accept(','));
  }
  expect(';');
  if (failed_) return;
  const Operand stored = store_elements({}, first);
  instruction.first_operand = stored.index;
  instruction.operand_count = stored.count;
  function_.instructions.push_back(instruction);
}

// `call (results), callee, (arguments), prototype;` where all but the callee may be missing. Makes four operands.
void Parser::parse_call() {
  const auto parse_list = [this] {
    if (at('(')) return parse_elements(OperandKind::list, ')', 0);
    return Operand{.kind = OperandKind::list};
  };
  const bool has_results = at('(');
  scratch_.push_back(parse_list());
  if (has_results) expect(',');
  scratch_.push_back(parse_operand(0));
  Operand arguments{.kind = OperandKind::list};
  Operand targets{.index = kNone};
  if (accept(',')) {
    if (at('(')) {
      arguments = parse_list();
      if (accept(',')) targets = parse_operand(0);
    } else {
      targets = parse_operand(0);
    }
  }
  scratch_.push_back(arguments);
  scratch_.push_back(targets);
}

// Moves what lies in scratch from first on to the pool, and makes the operand refer to it.
Operand Parser::store_elements(Operand operand, size_t first) {
  operand.index = static_cast<uint32_t>(function_.operands.size());
  operand.count = static_cast<uint32_t>(scratch_.size() - first);
  for (size_t i = first; i < scratch_.size(); ++i) {
    const Operand& element = scratch_[i];
    if (element.kind == OperandKind::none && element.index != kNone && !failed_) {
      fixups_[element.index].operand = static_cast<uint32_t>(function_.operands.size());
    }
    function_.operands.push_back(element);
  }
  scratch_.resize(first);
  return operand;
}

Operand Parser::parse_operand(uint32_t nesting) {
  const Operand operand = parse_single(nesting);
  return at('|') ? parse_pair(operand) : operand;
}

Operand Parser::parse_pair(Operand first) {
  advance();
  const Operand second = parse_single(kMaxNesting);
  const size_t begin = scratch_.size();
  scratch_.push_back(first);
  scratch_.push_back(second);
  return store_elements({.kind = OperandKind::pair}, begin);
}

Operand Parser::parse_single(uint32_t nesting) {
  if (at(TokenKind::identifier)) return parse_named_operand();
  if (at('{')) return parse_elements(OperandKind::vector, '}', nesting);
  if (at('[')) return parse_address(nesting);
  if (at('!')) {
    // `!%p` negates a predicate, `!0` is a constant.
    Lexer ahead = lexer_;
    const Token behind = ahead.next();
    if (behind.kind == TokenKind::identifier && behind.text != "WARP_SZ") {
      advance();
      Operand operand = parse_named_operand();
      if (!failed_ && operand.kind != OperandKind::reg) fail("'!' needs a predicate", behind.line);
      operand.negated = true;
      return operand;
    }
  }
  return constant_operand();
}

Operand Parser::constant_operand() {
  if (!at_constant()) {
    fail_expected("an operand");
    return {.index = kNone};
  }
  const Constant constant = parse_constant();
  const OperandKind kind = constant.kind == TokenKind::float32   ? OperandKind::float32
                           : constant.kind == TokenKind::float64 ? OperandKind::float64
                                                                 : OperandKind::integer;
  return {.kind = kind, .is_unsigned = constant.is_unsigned, .value = constant.value};
}

// `{a, b}` or `(a, b)`, from the opening bracket on.
Operand Parser::parse_elements(OperandKind kind, char close, uint32_t nesting) {
  if (nesting > kMaxNesting) fail("operands are nested too deeply");
  advance();
  const size_t first = scratch_.size();
  while (!failed_ && !at(close)) {
    scratch_.push_back(parse_operand(nesting + 1));
    if (!accept(',')) break;
  }
  expect(close);
  return store_elements({.kind = kind}, first);
}

Operand Parser::parse_named_operand() {
  const Token name = token_;
  if (name.text == "WARP_SZ") return constant_operand();
  advance();
  if (name.text == "_") return {.kind = OperandKind::sink};
  Operand operand = resolve(name);
  if (at(TokenKind::dot)) parse_selector(operand);
  if (operand.kind != OperandKind::symbol) return operand;
  if (at('[')) parse_index(operand);
  operand.value += static_cast<uint64_t>(parse_offset());
  return operand;
}

// `%tid.x`, `%v.x` of a vector register, `%r1.b0` of a video instruction.
void Parser::parse_selector(Operand& operand) {
  const uint32_t component = component_of(token_.text);
  if (operand.kind == OperandKind::vector && component < operand.count) {
    operand = function_.operands[operand.index + component];
  } else if (operand.kind == OperandKind::special || operand.kind == OperandKind::reg) {
    operand.selector = intern(token_.text);
  } else {
    fail("unexpected " + shown_token());
  }
  advance();
}

// `array[3]` is the address of an element.
void Parser::parse_index(Operand& operand) {
  advance();
  const uint64_t index = parse_count("an index", kMaxVariableBytes);
  expect(']');
  operand.value += index * element_size(operand);
}

uint64_t Parser::element_size(const Operand& operand) const {
  const Variable* variable = nullptr;
  switch (operand.base) {
    case Base::module:
      if (module_.symbols[operand.index].kind == SymbolKind::variable) {
        variable = &module_.variables[module_.symbols[operand.index].index];
      }
      break;
    case Base::variable: variable = &function_.variables[operand.index]; break;
    case Base::parameter: variable = &function_.parameters[operand.index]; break;
    case Base::result: variable = &function_.results[operand.index]; break;
    case Base::none:
    case Base::reg: break;
  }
  return variable == nullptr ? 1 : uint64_t{size_of(variable->type)} * variable->vector;
}

// `+8`, `-8`, `+-8` or nothing.
int64_t Parser::parse_offset() {
  uint64_t offset = 0;
  while (!failed_ && (at('+') || at('-'))) {
    const bool minus = at('-');
    advance();
    const Constant constant = parse_binary(10);  // a product, so that the signs of a chain stay apart
    if (!failed_ && !constant.is_integer()) fail("an offset must be an integer");
    offset += minus ? 0 - constant.value : constant.value;
  }
  return static_cast<int64_t>(offset);
}

// `[a]`, or the tuple `[a, {b, c}]` of textures and tensors.
Operand Parser::parse_address(uint32_t nesting) {
  if (nesting > kMaxNesting) fail("operands are nested too deeply");
  advance();
  const Operand only = parse_address_element(nesting);
  if (accept(']')) return only;
  const size_t first = scratch_.size();
  scratch_.push_back(only);
  while (!failed_ && accept(',')) scratch_.push_back(parse_address_element(nesting));
  expect(']');
  return store_elements({.kind = OperandKind::tuple}, first);
}

Operand Parser::parse_address_element(uint32_t nesting) {
  if (at('{')) return parse_elements(OperandKind::vector, '}', nesting + 1);
  const uint32_t line = token_.line;
  Operand operand = at(TokenKind::identifier) ? parse_named_operand() : constant_operand();
  if (failed_) return operand;
  if (operand.kind == OperandKind::reg && operand.selector == Word::none_) {
    operand.base = Base::reg;
    operand.value = static_cast<uint64_t>(parse_offset());
  } else if (operand.kind == OperandKind::integer) {
    operand.base = Base::none;
  } else if (operand.kind != OperandKind::symbol) {
    fail("this cannot be an address", line);
  }
  operand.kind = OperandKind::address;
  return operand;
}

// What a name means here: the innermost declaration of the function, then the module's, then a special register.
Operand Parser::resolve(const Token& name) {
  uint32_t number = 0;
  const Binding* numbered = find_numbered(name.text, number);
  const Binding* plain = nullptr;
  if (numbered == nullptr || numbered->scope != names_.depth()) plain = names_.find(name.text);
  const bool hidden = plain != nullptr && numbered != nullptr && plain->scope > numbered->scope;
  if (numbered != nullptr && !hidden) return bind(*numbered, number, name);
  if (plain != nullptr) return bind(*plain, 0, name);
  if (opcode_ != Word::bra_) {
    if (const Binding* symbol = symbols_.find(name.text)) return bind(*symbol, 0, name);
  }
  if (name.text[0] == '%') return resolve_special(name);
  return add_fixup(name);
}

// `%r12` is number 12 of `%r<100>`; `%r1<10>` makes it number 2 of that.
const Binding* Parser::find_numbered(std::string_view name, uint32_t& number) const {
  constexpr size_t kMaxDigits = 7;
  size_t digits = 0;
  while (digits < name.size() && digits < kMaxDigits && name[name.size() - 1 - digits] <= '9' &&
         name[name.size() - 1 - digits] >= '0') {
    ++digits;
  }
  for (; digits > 0; --digits) {
    const size_t begin = name.size() - digits;
    if (begin == 0 || (name[begin] == '0' && digits > 1)) continue;
    const Binding* binding = ranges_.find(name.substr(0, begin));
    if (binding == nullptr) continue;
    std::from_chars(name.data() + begin, name.data() + name.size(), number);
    if (number < binding->count) return binding;
  }
  return nullptr;
}

Operand Parser::bind(const Binding& binding, uint32_t number, const Token& name) {
  const auto symbol = [](Base base, uint32_t index) {
    return Operand{.kind = OperandKind::symbol, .base = base, .index = index};
  };
  switch (binding.meaning) {
    case Meaning::reg: return bind_register(function_.register_ranges[binding.index], number);
    case Meaning::variable: return symbol(Base::variable, binding.index + number);
    case Meaning::parameter: return symbol(Base::parameter, binding.index);
    case Meaning::result: return symbol(Base::result, binding.index);
    case Meaning::module_symbol: return symbol(Base::module, binding.index);
    case Meaning::label:
      // A label of an outer scope may yet be hidden by one that this scope declares further down.
      if (binding.scope != names_.depth()) return add_fixup(name);
      return {.kind = OperandKind::label, .index = binding.index};
    case Meaning::prototype: return {.kind = OperandKind::prototype, .index = binding.index};
    case Meaning::call_targets: return {.kind = OperandKind::call_targets, .index = binding.index};
    case Meaning::branch_targets: return {.kind = OperandKind::branch_targets, .index = binding.index};
    case Meaning::none: break;
  }
  return {.index = kNone};
}

// A vector register stands for all its parts.
Operand Parser::bind_register(const RegisterRange& range, uint32_t number) {
  const uint32_t first = range.first + number * range.vector;
  if (range.vector == 1) return {.kind = OperandKind::reg, .index = first};
  const size_t begin = scratch_.size();
  for (uint32_t i = 0; i < range.vector; ++i) scratch_.push_back({.kind = OperandKind::reg, .index = first + i});
  return store_elements({.kind = OperandKind::vector}, begin);
}

// `%tid`, `%envreg3`, `%pm7_64`: the number in the middle becomes the operand's value.
Operand Parser::resolve_special(const Token& name) {
  const Word word = find_word(name.text);
  if (is_special(word)) return {.kind = OperandKind::special, .special = word};
  const size_t begin = name.text.find_first_of("0123456789");
  if (begin != std::string_view::npos) {
    const char* end = name.text.data() + name.text.size();
    uint32_t number = 0;
    const auto [rest, error] = std::from_chars(name.text.data() + begin, end, number);
    std::string base(name.text.substr(0, begin));
    base.append(rest, end);
    if (base.ends_with('_')) base.pop_back();
    const Word numbered = find_word(base);
    if (error == std::errc() && is_special(numbered)) {
      return {.kind = OperandKind::special, .special = numbered, .value = number};
    }
  }
  fail("undefined register '" + std::string(name.text) + "'", name.line);
  return {.index = kNone};
}

// Settled when the scope closes; until then the operand's kind is none and its index is the fixup's.
Operand Parser::add_fixup(const Token& name) {
  fixups_.push_back({name.text, name.line});
  return {.index = static_cast<uint32_t>(fixups_.size() - 1)};
}

}  // namespace vgpu::soft::ptx
