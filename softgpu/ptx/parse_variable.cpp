// SPDX-License-Identifier: Apache-2.0
// Declarations of variables and registers, and initialisers (5.4, 6.4.2).
#include <bit>
#include <cstring>

#include "softgpu/ptx/parser_state.h"

namespace vgpu::soft::ptx {
namespace {

Space space_of(std::string_view word) {
  if (word == "global" || word == "tex") return Space::global;
  if (word == "const") return Space::constant;
  if (word == "shared" || word == "shared::cta") return Space::shared;
  if (word == "local") return Space::local;
  if (word == "param") return Space::param;
  if (word == "reg") return Space::reg;
  return Space::none;
}

uint8_t vector_of(std::string_view word) {
  if (word == "v2") return 2;
  if (word == "v4") return 4;
  if (word == "v8") return 8;
  return 0;
}

bool is_opaque(Type type) { return type == Type::texref || type == Type::samplerref || type == Type::surfref; }

}  // namespace

// `[.space] [.align n] [.v4] .type`, in any order, up to the name.
bool Parser::parse_variable_prefix(Variable& variable) {
  while (!failed_ && at(TokenKind::dot)) {
    if (token_.text == "attribute") {
      parse_variable_attribute(variable);
    } else if (token_.text == "align") {
      advance();
      const uint64_t alignment = parse_count("an alignment", 1U << 20);
      if (!failed_ && !std::has_single_bit(alignment)) fail("an alignment must be a power of two");
      (variable.pointer ? variable.pointee_alignment : variable.alignment) = static_cast<uint32_t>(alignment);
    } else if (!apply_variable_word(variable)) {
      fail("unexpected " + shown_token() + " in a declaration");
    } else {
      advance();
    }
    // Banks of PTX 2.1 and older: `.const[3]`.
    if (variable.space == Space::constant && accept('[')) {
      parse_count("a bank", 10);
      expect(']');
    }
  }
  if (!failed_ && variable.space == Space::none) fail_expected("a state space");
  if (!failed_ && variable.type == Type::none) fail_expected("a type");
  return !failed_;
}

bool Parser::apply_variable_word(Variable& variable) {
  const std::string_view word = token_.text;
  if (const Space space = space_of(word); space != Space::none) {
    (variable.pointer ? variable.pointee_space : variable.space) = space;
    if (word == "tex") variable.type = Type::texref;
    return true;
  }
  if (const uint8_t vector = vector_of(word); vector != 0) {
    variable.vector = vector;
    return true;
  }
  if (const Type type = type_of(find_word(word)); type != Type::none) {
    // `.tex .u32 name` is the old spelling of `.global .texref name`.
    if (variable.type != Type::texref) variable.type = type;
    return true;
  }
  if (word == "ptr") variable.pointer = true;
  return word == "ptr";
}

void Parser::parse_variable_attribute(Variable& variable) {
  advance();
  expect('(');
  do {
    if (at_dot("managed")) variable.managed = true;
    else if (!at_dot("unified")) return fail_expected("an attribute");
    advance();
    if (at('(')) skip_parentheses();
  } while (accept(','));
  expect(')');
}

// `.prefix a, b[4] = {1}, c<2>;`
void Parser::parse_variables(Variable prefix) {
  if (!parse_variable_prefix(prefix)) return;
  do {
    Variable variable = prefix;
    variable.line = token_.line;
    variable.name = expect_name("a variable's name");
    uint64_t numbered = 0;
    if (accept('<')) {
      numbered = parse_count("a number of variables", kMaxNumbered, true);
      expect('>');
      if (numbered > numbered_budget_ || !in_body_) return fail("too many numbered variables, or outside a function");
      numbered_budget_ -= static_cast<uint32_t>(numbered);
      if (!ranges_.declare(variable.name, {Meaning::variable, static_cast<uint32_t>(function_.variables.size()),
                                           static_cast<uint32_t>(numbered)})) {
        return fail_named(variable.name, "is declared twice");
      }
    }
    parse_dimensions(variable);
    if (at('=')) parse_initialiser(variable);
    if (!finish_variable(variable)) return;
    if (numbered == 0) add_variable(std::move(variable));
    else
      for (uint32_t i = 0; i < numbered; ++i) function_.variables.emplace_back(variable).number = i;
  } while (accept(','));
  expect(';');
}

void Parser::parse_dimensions(Variable& variable) {
  while (!failed_ && accept('[')) {
    if (at(']')) {
      if (!variable.dimensions.empty()) return fail("only the first dimension may be missing");
      variable.unsized = true;
      variable.dimensions.push_back(0);
    } else {
      variable.dimensions.push_back(parse_count("a dimension", kMaxVariableBytes));
    }
    expect(']');
    if (variable.dimensions.size() > kMaxNesting) return fail("too many dimensions");
  }
}

// Computes size and alignment. An unsized array that has an initialiser gets its length from it.
bool Parser::finish_variable(Variable& variable) {
  if (failed_) return false;
  const uint64_t element = uint64_t{size_of(variable.type)} * variable.vector;
  uint64_t row = element;
  bool overflow = false;
  for (size_t i = variable.unsized ? 1 : 0; i < variable.dimensions.size(); ++i) {
    overflow |= __builtin_mul_overflow(row, variable.dimensions[i], &row) || row > kMaxVariableBytes;
  }
  if (overflow) fail_named(variable.name, "is too large");
  if (variable.alignment == 0) variable.alignment = static_cast<uint32_t>(std::bit_ceil(element));
  variable.size = variable.unsized ? 0 : row;
  if (variable.unsized && !variable.initial.empty() && row != 0) {
    variable.dimensions[0] = (variable.initial.size() + row - 1) / row;
    variable.size = variable.dimensions[0] * row;
    variable.unsized = false;
  }
  if (variable.type == Type::pred && variable.space != Space::reg) fail("predicates live in registers only");
  return !failed_;
}

// `= value` or `= { ... }`, flattened into bytes and relocations.
void Parser::parse_initialiser(Variable& variable) {
  expect('=');
  if (is_opaque(variable.type) && variable.dimensions.empty()) return parse_sampler_properties();
  uint64_t end = 0;
  if (at(TokenKind::string) && variable.type != Type::none && size_of(variable.type) == 1) {
    const std::string_view text = token_.text;
    if (std::byte* bytes = reserve_initial(variable, 0, text.size() + 1)) std::memcpy(bytes, text.data(), text.size());
    advance();
  } else if (at('{')) {
    parse_initial_row(variable, 0, 0, end);
  } else {
    parse_initial_value(variable, 0);
  }
  if (failed_) return;
  uint64_t capacity = uint64_t{size_of(variable.type)} * variable.vector;
  for (uint64_t dimension : variable.dimensions) {
    if (__builtin_mul_overflow(capacity, dimension, &capacity)) capacity = UINT64_MAX;
  }
  if (!variable.unsized && variable.initial.size() > capacity) {
    fail("too many initial values for '" + std::string(variable.name) + "'");
  }
}

// `{ v, v, { v, v }, ... }`: an inner brace fills one row of the next dimension; a vector's parts count as one more.
void Parser::parse_initial_row(Variable& variable, size_t level, uint64_t offset, uint64_t& end) {
  expect('{');
  const size_t levels = variable.dimensions.size() + (variable.vector > 1 ? 1 : 0);
  if (level >= levels && !(level == 0 && levels == 0)) return fail("too many braces in an initialiser");
  uint64_t row = uint64_t{size_of(variable.type)} * (level < variable.dimensions.size() ? variable.vector : 1);
  for (size_t i = level + 1; i < variable.dimensions.size(); ++i) {
    if (__builtin_mul_overflow(row, variable.dimensions[i], &row)) return fail("an initialiser is too large");
  }
  uint64_t next = offset;
  while (!failed_ && !at('}')) {
    if (at('{')) {
      uint64_t inner_end = 0;
      parse_initial_row(variable, level + 1, next, inner_end);
      if (__builtin_add_overflow(next, row, &next)) return fail("an initialiser is too large");
      if (inner_end > next) return fail("too many initial values in a row");
    } else {
      parse_initial_value(variable, next);
      next += size_of(variable.type);
    }
    if (!accept(',')) break;
  }
  end = next;
  expect('}');
}

// A constant, `symbol+8`, `generic(symbol)+8`, or some bits of an address: `0xFF00(symbol)`.
void Parser::parse_initial_value(Variable& variable, uint64_t offset) {
  if (at(TokenKind::identifier) && token_.text != "WARP_SZ") return parse_relocation(variable, offset, 0);
  const Constant constant = parse_constant();
  if (failed_) return;
  if (!constant.is_integer() || !accept('(')) return put_constant(variable, offset, constant);
  parse_relocation(variable, offset, constant.value);
  expect(')');
}

void Parser::parse_relocation(Variable& variable, uint64_t offset, uint64_t mask) {
  Relocation relocation;
  relocation.offset = offset;
  relocation.size = size_of(variable.type);
  relocation.mask = mask;
  parse_relocation_target(relocation);
  parse_addend(relocation);
  if (failed_ || reserve_initial(variable, offset, relocation.size) == nullptr) return;
  variable.relocations.push_back(relocation);
}

void Parser::parse_relocation_target(Relocation& relocation) {
  if (at(TokenKind::identifier) && token_.text == "generic") {
    advance();
    expect('(');
    relocation.generic = true;
  }
  const uint32_t line = token_.line;
  const std::string_view name = expect_name("a symbol");
  if (failed_) return;
  const Binding* binding = symbols_.find(name);
  if (binding == nullptr) return fail("undefined symbol '" + std::string(name) + "'", line);
  relocation.symbol = binding->index;
  if (!relocation.generic) return;
  parse_addend(relocation);
  expect(')');
}

void Parser::parse_addend(Relocation& relocation) {
  const int64_t addend = parse_offset();
  relocation.addend = static_cast<int64_t>(static_cast<uint64_t>(relocation.addend) + static_cast<uint64_t>(addend));
}

// `{ channel_data_type = ..., filter_mode = linear }` of opaque references (5.3.1): they are bound by the driver.
void Parser::parse_sampler_properties() {
  expect('{');
  while (!failed_ && !at('}')) {
    expect_name("a property");
    expect('=');
    if (at_constant()) parse_constant();
    else expect_name("a value");
    if (!accept(',')) break;
  }
  expect('}');
}

void Parser::put_constant(Variable& variable, uint64_t offset, const Constant& constant) {
  const uint32_t size = size_of(variable.type);
  uint64_t bits = constant.value;
  // An untyped variable takes a float as one of its own size.
  const bool real = !constant.is_integer();
  if (variable.type == Type::f32 || (variable.type == Type::b32 && real)) {
    if (constant.kind != TokenKind::float32) bits = std::bit_cast<uint32_t>(static_cast<float>(constant.as_double()));
  } else if (variable.type == Type::f64 || (variable.type == Type::b64 && real)) {
    if (constant.kind != TokenKind::float64) bits = std::bit_cast<uint64_t>(constant.as_double());
  } else if (real) {
    return fail_named(type_name(variable.type), "cannot hold a floating-point value");
  }
  std::byte* bytes = reserve_initial(variable, offset, size);
  if (bytes == nullptr) return;
  std::memset(bytes, constant.is_integer() && !constant.is_unsigned && (bits >> 63) != 0 ? 0xFF : 0, size);
  std::memcpy(bytes, &bits, size < 8 ? size : 8);
}

// Room in the initial bytes; what lies before is zero. The budget bounds how far padding may outgrow the text.
std::byte* Parser::reserve_initial(Variable& variable, uint64_t offset, uint64_t size) {
  const uint64_t have = variable.initial.size();
  if (offset > kMaxVariableBytes || (offset + size > have && offset + size - have > initial_budget_)) {
    fail("an initialiser is too large");
    return nullptr;
  }
  if (offset + size > have) {
    initial_budget_ -= offset + size - have;
    variable.initial.resize(offset + size);
  }
  return variable.initial.data() + offset;
}

// Functions own .shared, .local and .param; .global and .const belong to the module wherever they are declared.
void Parser::add_variable(Variable variable) {
  const bool dynamic_shared = variable.linkage == Linkage::external && variable.space == Space::shared;
  const bool global = variable.space == Space::global || variable.space == Space::constant;
  if (!in_body_ || global || dynamic_shared) return add_module_variable(std::move(variable));
  if (!names_.declare(variable.name, {Meaning::variable, static_cast<uint32_t>(function_.variables.size())})) {
    return fail_named(variable.name, "is declared twice", variable.line);
  }
  function_.variables.push_back(std::move(variable));
}

// A declaration may be repeated, and be followed by the definition, which then replaces it.
void Parser::add_module_variable(Variable variable) {
  const uint32_t line = variable.line;
  if (in_body_ && variable.linkage == Linkage::internal) {
    const auto symbol = static_cast<uint32_t>(module_.symbols.size());
    if (!names_.declare(variable.name, {Meaning::module_symbol, symbol})) {
      return fail_named(variable.name, "is declared twice", line);
    }
    module_.symbols.push_back({variable.name, SymbolKind::variable, static_cast<uint32_t>(module_.variables.size())});
    module_.variables.push_back(std::move(variable));
    return;
  }
  Symbol& symbol = module_.symbols[declare_symbol(variable.name, SymbolKind::variable)];
  if (failed_) return;
  if (symbol.index == kNone) {
    symbol.index = static_cast<uint32_t>(module_.variables.size());
    module_.variables.push_back(std::move(variable));
    return;
  }
  Variable& known = module_.variables[symbol.index];
  if (variable.linkage == Linkage::external) return;
  if (known.linkage != Linkage::external && known.linkage != Linkage::weak && known.linkage != Linkage::common) {
    return fail_named(variable.name, "is defined twice", line);
  }
  known = std::move(variable);
}

// `.reg .b32 %r<100>, x;`
void Parser::parse_registers() {
  Variable prefix;
  if (!parse_variable_prefix(prefix)) return;
  do {
    const uint32_t line = token_.line;
    const std::string_view name = expect_name("a register's name");
    const bool numbered = accept('<');
    const uint64_t count = numbered ? parse_count("a number of registers", kMaxRegisters, true) : 1;
    if (numbered) expect('>');
    if (failed_) return;
    const auto range = static_cast<uint32_t>(function_.register_ranges.size());
    NameTable& table = numbered ? ranges_ : names_;
    if (!table.declare(name, {Meaning::reg, range, static_cast<uint32_t>(count)})) {
      return fail_named(name, "is declared twice", line);
    }
    add_registers(name, numbered, prefix.type, prefix.vector, count);
  } while (accept(','));
  expect(';');
}

uint32_t Parser::add_registers(std::string_view name, bool numbered, Type type, uint8_t vector, uint64_t count) {
  const auto first = static_cast<uint32_t>(function_.registers.size());
  const uint64_t added = count * vector;
  if (added > register_budget_ || first + added > kMaxRegisters) {
    fail("too many registers");
    return first;
  }
  register_budget_ -= added;
  const auto range = static_cast<uint32_t>(function_.register_ranges.size());
  function_.register_ranges.push_back({name, numbered, type, vector, first, static_cast<uint32_t>(count)});
  function_.registers.resize(first + added, Register{type, range});
  return first;
}

}  // namespace vgpu::soft::ptx
