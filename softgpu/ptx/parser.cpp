// SPDX-License-Identifier: Apache-2.0
// Tokens, failure, and the directives of module scope (11.1, 11.2, 11.5, 11.6).
#include "softgpu/ptx/parser.h"

#include <charconv>

#include "softgpu/ptx/parser_state.h"

namespace vgpu::soft::ptx {

Parser::Parser(Module& module)
    : module_(module),
      lexer_(module.text),
      initial_budget_(module.text.size() * 16 + (uint64_t{64} << 20)),
      register_budget_(module.text.size() + kMaxRegisters) {
  advance();
}

void Parser::advance() {
  if (failed_) return;
  token_ = lexer_.next();
  if (token_.kind == TokenKind::invalid) fail(std::string(token_.text));
}

bool Parser::accept(char punctuation) {
  if (!at(punctuation)) return false;
  advance();
  return true;
}

void Parser::expect(char punctuation) {
  if (at(punctuation)) {
    advance();
  } else {
    const char quoted[] = {'\'', punctuation, '\'', '\0'};
    fail_expected(quoted);
  }
}

std::string_view Parser::expect_name(const char* what) {
  if (!at(TokenKind::identifier)) {
    fail_expected(what);
    return {};
  }
  const std::string_view name = token_.text;
  advance();
  return name;
}

std::string Parser::shown_token() const {
  constexpr size_t kMaxShown = 40;
  if (at(TokenKind::end)) return "the end of the text";
  std::string shown = "'";
  if (at(TokenKind::dot)) shown += '.';
  shown += token_.text.substr(0, kMaxShown);
  if (token_.text.size() > kMaxShown) shown += "...";
  return shown + "'";
}

void Parser::fail(std::string message, uint32_t line) {
  if (failed_) return;
  failed_ = true;
  error_.line = line != 0 ? line : token_.line;
  error_.message = "line " + std::to_string(error_.line) + ": " + std::move(message);
  token_ = Token{};
  token_.line = error_.line;
}

// "'name' what"
void Parser::fail_named(std::string_view name, const char* what, uint32_t line) {
  fail("'" + std::string(name) + "' " + what, line);
}

void Parser::fail_expected(std::string_view what) {
  fail("expected " + std::string(what) + " before " + shown_token());
}

void Parser::parse_module() {
  if (module_.text.size() > kMaxText) fail("the text is too large");
  if (!failed_ && !at_dot("version")) fail_expected("'.version'");
  while (!failed_ && !at(TokenKind::end)) parse_module_directive();
  if (module_.targets.empty()) fail_expected("'.target'");
}

void Parser::parse_version() {
  const std::string_view text = token_.text;
  const size_t point = text.find('.');
  uint32_t major = 0, minor = 0;
  const char* end = text.data() + text.size();
  if (point == std::string_view::npos || !at(TokenKind::float64) ||
      std::from_chars(text.data(), text.data() + point, major).ptr != text.data() + point ||
      std::from_chars(text.data() + point + 1, end, minor).ptr != end) {
    return fail_expected("a version like 8.0");
  }
  module_.version_major = major;
  module_.version_minor = minor;
  may_have_new_opcodes_ = major > kKnownMajor || (major == kKnownMajor && minor > kKnownMinor);
  if (major > kMaxVersionMajor || (major == kMaxVersionMajor && minor > kMaxVersionMinor)) {
    error_.code = CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
    return fail("PTX ISA version " + std::string(text) + " is newer than " + std::to_string(kMaxVersionMajor) + "." +
                std::to_string(kMaxVersionMinor));
  }
  advance();
}

// `.target sm_90a, debug`: the architecture and options.
void Parser::parse_target() {
  do {
    const std::string_view target = expect_name("a target");
    module_.targets.push_back(target);
    if (target == "debug") module_.debug = true;
    const size_t mark = target.find('_');
    const std::string_view family = target.substr(0, mark == std::string_view::npos ? 0 : mark);
    if (family != "sm" && family != "compute") continue;
    const char* end = target.data() + target.size();
    const auto [rest, error] = std::from_chars(target.data() + mark + 1, end, module_.target_capability);
    if (error != std::errc() || end - rest > 1) return fail("unknown target '" + std::string(target) + "'");
    module_.target_suffix = rest == end ? '\0' : *rest;
  } while (accept(','));
}

// Consumes `.visible` and its kin.
bool Parser::parse_linkage(Linkage& linkage) {
  if (!at(TokenKind::dot)) return false;
  if (token_.text == "visible") linkage = Linkage::visible;
  else if (token_.text == "extern") linkage = Linkage::external;
  else if (token_.text == "weak") linkage = Linkage::weak;
  else if (token_.text == "common") linkage = Linkage::common;
  else return false;
  advance();
  return true;
}

void Parser::parse_module_directive() {
  if (accept(';')) return;
  if (!at(TokenKind::dot)) return fail_expected("a directive");
  const std::string_view name = token_.text;
  if (name == "version" || name == "target" || name == "address_size" || name == "file" || name == "section" ||
      name == "alias") {
    advance();
    if (name == "version") return parse_version();
    if (name == "target") return parse_target();
    if (name == "file") return parse_file();
    if (name == "section") return skip_section();
    if (name == "alias") return parse_alias();
    module_.address_size = static_cast<uint32_t>(parse_count(".address_size", 64));
    if (!failed_ && module_.address_size != 32 && module_.address_size != 64) fail(".address_size must be 32 or 64");
    return;
  }
  if (name == "pragma") return parse_pragma();
  if (name == "loc") return parse_location();
  Linkage linkage = Linkage::internal;
  while (parse_linkage(linkage)) {
  }
  parse_linked(linkage);
}

// What may follow a linkage: a function or a variable.
void Parser::parse_linked(Linkage linkage) {
  if (module_.targets.empty()) return fail_expected("'.target'");
  if (at_dot("entry") || at_dot("func")) {
    const bool entry = token_.text == "entry";
    advance();
    return parse_function(linkage, entry);
  }
  if (at_dot("reg")) return fail("registers are declared inside functions");
  Variable prefix;
  prefix.linkage = linkage;
  parse_variables(std::move(prefix));
}

void Parser::parse_alias() {
  Alias alias;
  uint32_t* const sides[] = {&alias.symbol, &alias.aliasee};
  for (uint32_t* side : sides) {
    const uint32_t line = token_.line;
    const std::string_view name = expect_name("a function");
    if (failed_) return;
    const Binding* binding = symbols_.find(name);
    if (binding == nullptr || module_.symbols[binding->index].kind != SymbolKind::function) {
      return fail_named(name, "is not a function", line);
    }
    *side = binding->index;
    if (side == sides[0]) expect(',');
  }
  module_.aliases.push_back(alias);
  expect(';');
}

// `.file 1 "name.cu", 1700000000, 1234`
void Parser::parse_file() {
  SourceFile file;
  file.number = static_cast<uint32_t>(parse_count("a file number", UINT32_MAX));
  if (!at(TokenKind::string)) return fail_expected("a file name");
  file.name = token_.text;
  advance();
  while (accept(',')) parse_constant();
  module_.files.push_back(file);
}

// DWARF for debuggers (11.5.1): `.section .debug_str { ... }`. Its contents mean nothing here.
void Parser::skip_section() {
  if (!at(TokenKind::dot) && !at(TokenKind::identifier)) return fail_expected("a section name");
  advance();
  expect('{');
  for (uint32_t depth = 1; depth != 0 && !failed_; advance()) {
    if (at('{')) ++depth;
    if (at('}')) --depth;
    if (at(TokenKind::end)) fail("the section does not end");
  }
}

void Parser::skip_parentheses() {
  expect('(');
  while (!failed_ && !at(')')) {
    if (at(TokenKind::end)) fail_expected("')'");
    advance();
  }
  advance();
}

// The symbol of this name, made now or by an earlier declaration.
uint32_t Parser::declare_symbol(std::string_view name, SymbolKind kind) {
  const auto next = static_cast<uint32_t>(module_.symbols.size());
  if (symbols_.declare(name, {Meaning::module_symbol, next})) {
    module_.symbols.push_back({name, kind, kNone});
    return next;
  }
  const uint32_t known = symbols_.find(name)->index;
  if (module_.symbols[known].kind != kind) fail_named(name, "was declared as something else");
  return known;
}

Result<std::unique_ptr<Module>, ParseError> parse(std::string text) {
  auto module = std::make_unique<Module>();
  module->text = std::move(text);
  Parser parser(*module);
  parser.parse_module();
  if (parser.failed()) return parser.take_error();
  return module;
}

}  // namespace vgpu::soft::ptx
