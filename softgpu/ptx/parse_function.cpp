// SPDX-License-Identifier: Apache-2.0
// Functions (11.3), performance directives (11.4), bodies: scopes, labels, branch targets and call prototypes.
#include "softgpu/ptx/parser_state.h"

namespace vgpu::soft::ptx {

// Behind `.entry` or `.func`: `.attribute(...) (results) name (parameters) directives { body }` or `;`.
void Parser::parse_function(Linkage linkage, bool entry) {
  function_ = Function{};
  function_.linkage = linkage;
  function_.entry = entry;
  names_.clear();
  ranges_.clear();
  fixups_.clear();
  fixup_marks_.clear();
  while (at_dot("attribute")) {
    Variable ignored;
    parse_variable_attribute(ignored);
  }
  if (!entry && at('(')) parse_parameters(function_.results, Meaning::result);
  function_.line = token_.line;
  function_.name = expect_name("a function's name");
  if (failed_) return;
  function_.symbol = declare_symbol(function_.name, SymbolKind::function);
  if (at('(')) parse_parameters(function_.parameters, Meaning::parameter);
  parse_function_directives(function_.directives);
  if (failed_) return;
  if (at('{')) {
    // Recursion: the body may name the function before the module's list has it.
    in_body_ = true;
    parse_body();
    in_body_ = false;
    function_.defined = true;
  } else {
    expect(';');
  }
  if (!failed_) store_function(std::move(function_));
}

void Parser::store_function(Function&& function) {
  Symbol& symbol = module_.symbols[function.symbol];
  if (symbol.index == kNone) {
    symbol.index = static_cast<uint32_t>(module_.functions.size());
    module_.functions.push_back(std::move(function));
    return;
  }
  Function& known = module_.functions[symbol.index];
  if (!function.defined) return;  // Repeats what is known.
  if (known.defined) return fail_named(function.name, "is defined twice", function.line);
  if (function.linkage == Linkage::internal && known.linkage != Linkage::external) function.linkage = known.linkage;
  known = std::move(function);
}

// `(.param .b64 a, .param .align 8 .b8 b[24])`; a `.func` may also take `.reg`s.
void Parser::parse_parameters(std::vector<Variable>& parameters, Meaning meaning) {
  expect('(');
  while (!failed_ && !at(')')) {
    Variable parameter;
    if (!parse_variable_prefix(parameter)) return;
    parameter.line = token_.line;
    parameter.name = expect_name("a parameter's name");
    parse_dimensions(parameter);
    if (!finish_variable(parameter)) return;
    const bool is_register = parameter.space == Space::reg;
    const auto index = static_cast<uint32_t>(is_register ? function_.register_ranges.size() : parameters.size());
    // `_` is the nameless parameter of a prototype.
    if (parameter.name != "_" && meaning != Meaning::none &&
        !names_.declare(parameter.name, {is_register ? Meaning::reg : meaning, index})) {
      return fail_named(parameter.name, "is declared twice", parameter.line);
    }
    if (is_register && meaning != Meaning::none) {
      parameter.register_id = add_registers(parameter.name, false, parameter.type, parameter.vector, 1);
    }
    parameters.push_back(std::move(parameter));
    if (!accept(',')) break;
  }
  expect(')');
}

void Parser::parse_function_directives(Directives& directives) {
  const auto count = [this](const char* what) { return static_cast<uint32_t>(parse_count(what, UINT32_MAX)); };
  while (!failed_ && at(TokenKind::dot)) {
    const std::string_view name = token_.text;
    if (name == "pragma") {
      parse_pragma();
      continue;
    }
    if (name == "attribute") {
      Variable ignored;
      parse_variable_attribute(ignored);
      continue;
    }
    advance();
    if (name == "maxntid") parse_dimensions3(directives.maxntid);
    else if (name == "reqntid") parse_dimensions3(directives.reqntid);
    else if (name == "reqnctapercluster") parse_dimensions3(directives.reqnctapercluster);
    else if (name == "minnctapersm") directives.minnctapersm = count(".minnctapersm");
    else if (name == "maxnctapersm") directives.maxnctapersm = count(".maxnctapersm");
    else if (name == "maxnreg") directives.maxnreg = count(".maxnreg");
    else if (name == "maxclusterrank") directives.maxclusterrank = count(".maxclusterrank");
    else if (name == "explicitcluster") directives.explicitcluster = true;
    else if (name == "blocksareclusters") directives.blocksareclusters = true;
    else if (name == "noreturn") directives.noreturn = true;
    else if (name == "abi_preserve" || name == "abi_preserve_control") count("a register count");
    else fail("unknown directive '." + std::string(name) + "' of a function");
  }
}

void Parser::parse_dimensions3(uint32_t (&dimensions)[3]) {
  dimensions[1] = dimensions[2] = 1;
  for (uint32_t& dimension : dimensions) {
    dimension = static_cast<uint32_t>(parse_count("a block or cluster dimension", UINT32_MAX));
    if (!accept(',')) return;
  }
}

void Parser::open_scope() {
  if (names_.depth() >= kMaxNesting) return fail("scopes are nested too deeply");
  names_.open_scope();
  ranges_.open_scope();
  fixup_marks_.push_back(fixups_.size());
}

void Parser::close_scope() {
  if (failed_) return;
  resolve_fixups(fixup_marks_.back());
  fixup_marks_.pop_back();
  names_.close_scope();
  ranges_.close_scope();
}

// Names that were used before they were declared, from the number first on: those that the closing scope declares are
// settled, the others are left to the scope around it.
void Parser::resolve_fixups(size_t first) {
  size_t kept = first;
  for (size_t i = first; i < fixups_.size(); ++i) {
    const Fixup fixup = fixups_[i];
    const Binding* binding = names_.find(fixup.name);
    if (binding == nullptr || binding->scope != names_.depth()) {
      if (names_.depth() == 1) return fail("undefined name '" + std::string(fixup.name) + "'", fixup.line);
      fixups_[kept++] = fixup;
      continue;
    }
    if (fixup.operand == kNone) {
      if (binding->meaning != Meaning::label) return fail_named(fixup.name, "is not a label", fixup.line);
      function_.target_lists[fixup.list].targets[fixup.element] = binding->index;
      continue;
    }
    Operand& operand = function_.operands[fixup.operand];
    operand.index = binding->index;
    switch (binding->meaning) {
      case Meaning::label: operand.kind = OperandKind::label; break;
      case Meaning::prototype: operand.kind = OperandKind::prototype; break;
      case Meaning::call_targets: operand.kind = OperandKind::call_targets; break;
      case Meaning::branch_targets: operand.kind = OperandKind::branch_targets; break;
      default: return fail_named(fixup.name, "is used before its declaration", fixup.line);
    }
  }
  fixups_.resize(kept);
}

void Parser::parse_body() {
  do {
    if (at('{')) {
      open_scope();
      advance();
    } else if (at('}')) {
      close_scope();
      advance();
    } else if (at(TokenKind::dot)) {
      parse_body_directive();
    } else if (at(TokenKind::end)) {
      fail_expected("'}'");
    } else if (!accept(';')) {
      parse_label_or_instruction();
    }
  } while (!failed_ && names_.depth() > 0);
}

void Parser::parse_body_directive() {
  const std::string_view name = token_.text;
  if (name == "reg") return parse_registers();
  if (name == "loc") return parse_location();
  if (name == "pragma") return parse_pragma();
  if (name == "section") {
    advance();
    return skip_section();
  }
  if (name == "file") {
    advance();
    return parse_file();
  }
  Variable prefix;
  parse_linkage(prefix.linkage);
  parse_variables(std::move(prefix));
}

// `.loc 1 20 5`, then perhaps `, function_name $L__info_string0+3, inlined_at 1 30 7`.
void Parser::parse_location() {
  advance();
  const auto number = [this] { return static_cast<uint32_t>(parse_count("a source position", UINT32_MAX)); };
  SourceLocation location;
  location.instruction = static_cast<uint32_t>(function_.instructions.size());
  location.file = number();
  location.line = number();
  if (at(TokenKind::integer)) location.column = number();
  while (!failed_ && accept(',')) {
    const std::string_view word = expect_name("'function_name' or 'inlined_at'");
    if (word == "function_name") {
      if (at(TokenKind::dot)) advance();
      else expect_name("a label");
      parse_offset();
    } else {
      number();
      number();
      if (at(TokenKind::integer)) number();
    }
  }
  if (in_body_) function_.locations.push_back(location);
}

// `.pragma "nounroll", "used_bytes_mask 0xff";`
void Parser::parse_pragma() {
  advance();
  do {
    if (!at(TokenKind::string)) return fail_expected("a string");
    function_.pragmas.push_back({token_.text, static_cast<uint32_t>(function_.instructions.size())});
    advance();
  } while (accept(','));
  expect(';');
}

void Parser::parse_label_or_instruction() {
  if (at('@')) return parse_instruction();
  const Token name = token_;
  expect_name("an instruction");
  if (failed_) return;
  if (!accept(':')) {
    Instruction instruction;
    instruction.line = name.line;
    return parse_instruction_behind(name.text, instruction);
  }
  if (at_dot("branchtargets") || at_dot("calltargets")) {
    const bool calls = token_.text == "calltargets";
    advance();
    parse_target_list(name.text, calls);
  } else if (at_dot("callprototype")) {
    advance();
    parse_prototype(name.text);
  } else {
    declare_label(name.text, name.line);
  }
}

void Parser::declare_label(std::string_view name, uint32_t line) {
  const auto label = static_cast<uint32_t>(function_.labels.size());
  if (!names_.declare(name, {Meaning::label, label})) return fail_named(name, "is declared twice", line);
  function_.labels.push_back({name, static_cast<uint32_t>(function_.instructions.size())});
}

// `ts: .branchtargets L0, L1;` and `fs: .calltargets f, g;`
void Parser::parse_target_list(std::string_view name, bool calls) {
  const auto index = static_cast<uint32_t>(function_.target_lists.size());
  if (!names_.declare(name, {calls ? Meaning::call_targets : Meaning::branch_targets, index})) {
    return fail_named(name, "is declared twice");
  }
  function_.target_lists.push_back({name, calls, {}});
  std::vector<uint32_t>& targets = function_.target_lists.back().targets;
  do {
    const Token target = token_;
    expect_name("a target");
    if (failed_) return;
    if (calls) {
      const Binding* binding = symbols_.find(target.text);
      if (binding == nullptr) return fail("undefined function '" + std::string(target.text) + "'", target.line);
      targets.push_back(binding->index);
      continue;
    }
    fixups_.push_back({target.text, target.line, kNone, index, static_cast<uint32_t>(targets.size())});
    targets.push_back(kNone);
  } while (accept(','));
  expect(';');
}

// `p: .callprototype (.param .b32 _) _ (.param .b64 _) .noreturn;`
void Parser::parse_prototype(std::string_view name) {
  Prototype prototype;
  prototype.name = name;
  if (at('(')) parse_parameters(prototype.results, Meaning::none);
  expect_name("'_'");
  if (at('(')) parse_parameters(prototype.parameters, Meaning::none);
  Directives directives;
  parse_function_directives(directives);
  prototype.noreturn = directives.noreturn;
  expect(';');
  if (failed_) return;
  const auto index = static_cast<uint32_t>(function_.prototypes.size());
  if (!names_.declare(name, {Meaning::prototype, index})) fail_named(name, "is declared twice");
  function_.prototypes.push_back(std::move(prototype));
}

}  // namespace vgpu::soft::ptx
