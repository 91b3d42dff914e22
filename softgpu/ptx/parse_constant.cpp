// SPDX-License-Identifier: Apache-2.0
// Constant expressions (4.5.4, 4.5.5): 64-bit integers, signed unless an operand is unsigned, and floats.
#include <bit>

#include "softgpu/ptx/parser_state.h"

namespace vgpu::soft::ptx {
namespace {

// How tightly an operator binds; 0 = not a binary operator.
int strength_of(char operation) {
  switch (operation) {
    case kLogicalOr: return 1;
    case kLogicalAnd: return 2;
    case '|': return 3;
    case '^': return 4;
    case '&': return 5;
    case kEqual:
    case kNotEqual: return 6;
    case '<':
    case '>':
    case kLessEqual:
    case kGreaterEqual: return 7;
    case kShiftLeft:
    case kShiftRight: return 8;
    case '+':
    case '-': return 9;
    case '*':
    case '/':
    case '%': return 10;
    default: return 0;
  }
}

Constant integer(uint64_t value, bool is_unsigned) { return {TokenKind::integer, is_unsigned, value}; }
Constant truth(bool value) { return integer(value ? 1 : 0, false); }

uint64_t shift(char operation, const Constant& a, uint64_t count) {
  if (operation == kShiftLeft) return count > 63 ? 0 : a.value << count;
  if (a.is_unsigned) return count > 63 ? 0 : a.value >> count;
  return static_cast<uint64_t>(static_cast<int64_t>(a.value) >> (count > 63 ? 63 : count));
}

bool less(const Constant& a, const Constant& b, bool is_unsigned) {
  if (is_unsigned) return a.value < b.value;
  return static_cast<int64_t>(a.value) < static_cast<int64_t>(b.value);
}

// Division of two's complement; the most negative number over -1 wraps instead of trapping.
uint64_t divide(uint64_t a, uint64_t b, bool is_unsigned, bool remainder) {
  if (is_unsigned) return remainder ? a % b : a / b;
  if (b == UINT64_MAX) return remainder ? 0 : 0 - a;
  const auto x = static_cast<int64_t>(a), y = static_cast<int64_t>(b);
  return static_cast<uint64_t>(remainder ? x % y : x / y);
}

}  // namespace

double Constant::as_double() const {
  switch (kind) {
    case TokenKind::float32: return static_cast<double>(std::bit_cast<float>(static_cast<uint32_t>(value)));
    case TokenKind::float64: return std::bit_cast<double>(value);
    default: return is_unsigned ? static_cast<double>(value) : static_cast<double>(static_cast<int64_t>(value));
  }
}

bool Parser::at_constant() const {
  switch (token_.kind) {
    case TokenKind::integer:
    case TokenKind::float32:
    case TokenKind::float64: return true;
    case TokenKind::identifier: return token_.text == "WARP_SZ";
    case TokenKind::punctuation: return at('-') || at('+') || at('~') || at('(') || at('!');
    default: return false;
  }
}

Constant Parser::parse_constant() { return parse_conditional(); }

// A non-negative integer, such as an array's length. Inside <n>, `>` closes and is no operator.
uint64_t Parser::parse_count(const char* what, uint64_t limit, bool in_angles) {
  const uint32_t line = token_.line;
  const Constant constant = in_angles ? parse_binary(strength_of(kShiftLeft)) : parse_constant();
  if (failed_) return 0;
  if (!constant.is_integer() || constant.value > limit) {
    fail(std::string(what) + " must be an integer from 0 to " + std::to_string(limit), line);
    return 0;
  }
  return constant.value;
}

Constant Parser::parse_conditional() {
  if (++nesting_ > kMaxNesting) fail("constant expression nested too deeply");
  Constant value = parse_binary(1);
  if (!failed_ && accept('?')) {
    const Constant yes = parse_conditional();
    expect(':');
    const Constant no = parse_conditional();
    value = value.as_double() != 0 ? yes : no;
  }
  --nesting_;
  return value;
}

Constant Parser::parse_binary(int weakest) {
  Constant value = parse_unary();
  while (!failed_ && at(TokenKind::punctuation)) {
    const char operation = token_.punctuation;
    const int strength = strength_of(operation);
    if (strength < weakest || strength == 0) break;
    advance();
    const Constant right = parse_binary(strength + 1);
    value = apply(operation, value, right);
  }
  return value;
}

Constant Parser::parse_unary() {
  if (!at(TokenKind::punctuation)) return parse_primary();
  const char operation = token_.punctuation;
  if (operation == '(') return parse_cast_or_parentheses();
  if (operation != '-' && operation != '+' && operation != '!' && operation != '~') return parse_primary();
  advance();
  if (++nesting_ > kMaxNesting) fail("constant expression nested too deeply");
  Constant value = parse_unary();
  --nesting_;
  if (operation == '!') return truth(value.as_double() == 0);
  if (operation == '~') {
    if (!value.is_integer()) fail("'~' needs an integer");
    return integer(~value.value, true);
  }
  if (operation == '+') return value;
  if (value.kind == TokenKind::float32) value.value ^= uint64_t{1} << 31;
  else if (value.kind == TokenKind::float64) value.value ^= uint64_t{1} << 63;
  else value.value = 0 - value.value;
  return value;
}

Constant Parser::parse_primary() {
  const Token token = token_;
  if (token.kind == TokenKind::integer || token.kind == TokenKind::float32 || token.kind == TokenKind::float64) {
    advance();
    return {token.kind, token.is_unsigned, token.value};
  }
  if (token.kind == TokenKind::identifier && token.text == "WARP_SZ") {
    advance();
    return integer(32, false);
  }
  fail_expected("a constant");
  return {};
}

// `(.u64) x`, `(.s64) x`, or an expression in parentheses. Narrower types are taken for their signedness only.
Constant Parser::parse_cast_or_parentheses() {
  expect('(');
  if (!at(TokenKind::dot)) {
    const Constant value = parse_conditional();
    expect(')');
    return value;
  }
  const char sign = token_.text[0];
  if (type_of(find_word(token_.text)) == Type::none || (sign != 's' && sign != 'u')) fail_expected("an integer type");
  advance();
  expect(')');
  if (++nesting_ > kMaxNesting) fail("constant expression nested too deeply");
  const Constant value = parse_unary();
  --nesting_;
  if (value.is_integer()) return integer(value.value, sign == 'u');
  fail("only an integer can be cast");
  return {};
}

Constant Parser::apply(char operation, const Constant& a, const Constant& b) {
  if (failed_) return {};
  if (operation == kLogicalAnd) return truth(a.as_double() != 0 && b.as_double() != 0);
  if (operation == kLogicalOr) return truth(a.as_double() != 0 || b.as_double() != 0);
  return a.is_integer() && b.is_integer() ? apply_integer(operation, a, b) : apply_float(operation, a, b);
}

Constant Parser::apply_integer(char operation, const Constant& a, const Constant& b) {
  const bool is_unsigned = a.is_unsigned || b.is_unsigned;
  switch (operation) {
    case '+': return integer(a.value + b.value, is_unsigned);
    case '-': return integer(a.value - b.value, is_unsigned);
    case '*': return integer(a.value * b.value, is_unsigned);
    case '/':
    case '%':
      if (b.value == 0) {
        fail("division by zero in a constant expression");
        return {};
      }
      return integer(divide(a.value, b.value, is_unsigned, operation == '%'), is_unsigned);
    case kShiftLeft:
    case kShiftRight: return integer(shift(operation, a, b.value), a.is_unsigned);
    case '<': return truth(less(a, b, is_unsigned));
    case '>': return truth(less(b, a, is_unsigned));
    case kLessEqual: return truth(!less(b, a, is_unsigned));
    case kGreaterEqual: return truth(!less(a, b, is_unsigned));
    case kEqual: return truth(a.value == b.value);
    case kNotEqual: return truth(a.value != b.value);
    case '&': return integer(a.value & b.value, is_unsigned);
    case '^': return integer(a.value ^ b.value, is_unsigned);
    default: return integer(a.value | b.value, is_unsigned);
  }
}

Constant Parser::apply_float(char operation, const Constant& a, const Constant& b) {
  const double x = a.as_double(), y = b.as_double();
  const auto real = [](double value) { return Constant{TokenKind::float64, false, std::bit_cast<uint64_t>(value)}; };
  switch (operation) {
    case '+': return real(x + y);
    case '-': return real(x - y);
    case '*': return real(x * y);
    case '/': return real(x / y);
    case '<': return truth(x < y);
    case '>': return truth(x > y);
    case kLessEqual: return truth(x <= y);
    case kGreaterEqual: return truth(x >= y);
    case kEqual: return truth(x == y);
    case kNotEqual: return truth(x != y);
    default: fail("this operator needs integers"); return {};
  }
}

}  // namespace vgpu::soft::ptx
