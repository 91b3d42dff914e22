// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/lexer.h"

#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>

namespace vgpu::soft::ptx {
namespace {

enum : uint8_t { kBlank = 1, kStart = 2, kFollow = 4, kDigit = 8, kHex = 16 };

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> classes{};
  for (size_t c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    const bool hex = digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v') classes[c] |= kBlank;
    if (letter || c == '_' || c == '$' || c == '%') classes[c] |= kStart;
    if (letter || digit || c == '_' || c == '$') classes[c] |= kFollow;
    if (digit) classes[c] |= kDigit;
    if (hex) classes[c] |= kHex;
  }
  return classes;
}
constexpr std::array<uint8_t, 256> kClasses = make_classes();

bool is(char c, uint8_t wanted) { return (kClasses[static_cast<uint8_t>(c)] & wanted) != 0; }

uint64_t digit_value(char c) {
  if (c <= '9') return static_cast<uint64_t>(c - '0');
  return static_cast<uint64_t>((c | 0x20) - 'a' + 10);
}

}  // namespace

Token Lexer::make(TokenKind kind, const char* begin, const char* end) const {
  Token token;
  token.kind = kind;
  token.line = line_;
  token.text = {begin, static_cast<size_t>(end - begin)};
  return token;
}

Token Lexer::invalid(std::string_view why) const {
  Token token;
  token.kind = TokenKind::invalid;
  token.line = line_;
  token.text = why;
  return token;
}

// Returns false when position_ is not at a comment. One that does not end takes the rest of the text.
bool Lexer::skip_comment() {
  if (position_[1] == '/') {
    const void* newline = std::memchr(position_, '\n', static_cast<size_t>(end_ - position_));
    position_ = newline ? static_cast<const char*>(newline) : end_;
    return true;
  }
  if (position_[1] != '*') return false;
  position_ += 2;
  while (position_ < end_) {
    if (position_[0] == '*' && position_[1] == '/') {
      position_ += 2;
      return true;
    }
    line_ += *position_++ == '\n';
  }
  return true;
}

// Preprocessor line marks, and the DWARF lines of PTX before 2.0, carry nothing for us.
bool Lexer::starts_line() const {
  if (!line_start_) return false;
  return position_[0] == '#' || (position_[0] == '@' && position_[1] == '@');
}

void Lexer::skip_blanks() {
  while (position_ < end_) {
    const char c = *position_;
    if (c == '\n') {
      ++line_;
      ++position_;
      line_start_ = true;
    } else if (is(c, kBlank)) {
      ++position_;
    } else if (c == '/') {
      if (!skip_comment()) return;
    } else if (line_start_ && starts_line()) {
      const void* newline = std::memchr(position_, '\n', static_cast<size_t>(end_ - position_));
      position_ = newline ? static_cast<const char*>(newline) : end_;
    } else {
      return;
    }
  }
}

Token Lexer::next() {
  skip_blanks();
  if (position_ >= end_ || *position_ == '\0') return make(TokenKind::end, position_, position_);
  line_start_ = false;
  const char c = *position_;
  if (is(c, kStart)) {
    const char* begin = position_++;
    while (is(*position_, kFollow)) ++position_;
    // A lone '%' is the remainder operator of a constant expression.
    if (c == '%' && position_ - begin == 1) {
      Token token = make(TokenKind::punctuation, begin, position_);
      token.punctuation = '%';
      return token;
    }
    return make(TokenKind::identifier, begin, position_);
  }
  if (c == '.') return lex_dot();
  if (is(c, kDigit)) return lex_number();
  if (c == '"') return lex_string();
  return lex_punctuation();
}

Token Lexer::lex_dot() {
  // `.5` is a number where no word of a name stands before it; words like `.2d` always have one.
  const bool behind_word = position_ == begin_ || is(position_[-1], kFollow);
  if (is(position_[1], kDigit) && !behind_word) return lex_decimal_float(position_);
  const char* begin = ++position_;
  for (;;) {
    while (is(*position_, kFollow)) ++position_;
    const bool scoped = position_[0] == ':' && position_ != begin && position_[1] == ':';
    if (!scoped || !is(position_[2], kFollow)) break;
    position_ += 2;
  }
  if (position_ == begin) return invalid("a name is missing behind '.'");
  return make(TokenKind::dot, begin, position_);
}

Token Lexer::lex_string() {
  const char* begin = ++position_;
  while (position_ < end_ && *position_ != '"' && *position_ != '\n') ++position_;
  if (position_ >= end_ || *position_ != '"') return invalid("a string does not end on its line");
  return make(TokenKind::string, begin, position_++);
}

Token Lexer::lex_number() {
  if (position_[0] == '0') {
    const char mark = static_cast<char>(position_[1] | 0x20);
    if (mark == 'f') return lex_float_bits(8);
    if (mark == 'd') return lex_float_bits(16);
    if (mark == 'x' || mark == 'b') return lex_integer();
  }
  const char* p = position_;
  while (is(*p, kDigit)) ++p;
  const bool fraction = *p == '.' && (is(p[1], kDigit) || !is(p[1], kFollow));
  const char* digit = p + 1 + (p[0] != '\0' && (p[1] == '+' || p[1] == '-'));
  const bool exponent = (*p | 0x20) == 'e' && is(*digit, kDigit);
  return fraction || exponent ? lex_decimal_float(position_) : lex_integer();
}

Token Lexer::lex_float_bits(int digits) {
  const char* begin = position_;
  position_ += 2;
  uint64_t bits = 0;
  int count = 0;
  for (; is(*position_, kHex) && count < digits; ++position_, ++count) bits = bits << 4 | digit_value(*position_);
  if (count != digits || is(*position_, kFollow)) return invalid("a hexadecimal float needs 8 (0f) or 16 (0d) digits");
  Token token = make(digits == 8 ? TokenKind::float32 : TokenKind::float64, begin, position_);
  token.value = bits;
  return token;
}

Token Lexer::lex_decimal_float(const char* begin) {
  double value = 0;
  const auto [rest, error] = std::from_chars(begin, end_, value);
  if (error == std::errc::invalid_argument) return invalid("malformed number");
  position_ = rest;
  if (is(*position_, kFollow)) return invalid("malformed number");
  Token token = make(TokenKind::float64, begin, position_);
  token.value = std::bit_cast<uint64_t>(value);
  return token;
}

Token Lexer::lex_integer() {
  const char* begin = position_;
  uint64_t base = 10;
  if (*position_ == '0') {
    const char mark = static_cast<char>(position_[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    position_ += base == 8 ? 0 : 2;
  }
  const char* digits = position_;
  uint64_t value = 0;
  bool overflow = false;
  for (; is(*position_, kHex) && digit_value(*position_) < base; ++position_) {
    uint64_t scaled = 0;
    overflow |= __builtin_mul_overflow(value, base, &scaled);
    overflow |= __builtin_add_overflow(scaled, digit_value(*position_), &value);
  }
  const bool any = position_ != digits;
  const bool suffix = *position_ == 'U' || *position_ == 'u';
  position_ += suffix;
  if (!any || is(*position_, kFollow)) return invalid("malformed number");
  if (overflow) return invalid("a number does not fit into 64 bits");
  Token token = make(TokenKind::integer, begin, position_);
  token.value = value;
  token.is_unsigned = suffix || value > static_cast<uint64_t>(INT64_MAX);
  return token;
}

Token Lexer::lex_punctuation() {
  const char* begin = position_++;
  Token token = make(TokenKind::punctuation, begin, position_);
  token.punctuation = *begin;
  const char second = *position_;
  const auto two = [&](char code) {
    ++position_;
    token.text = {begin, 2};
    token.punctuation = code;
    return token;
  };
  switch (*begin) {
    case '<': return second == '<' ? two(kShiftLeft) : second == '=' ? two(kLessEqual) : token;
    case '>': return second == '>' ? two(kShiftRight) : second == '=' ? two(kGreaterEqual) : token;
    case '=': return second == '=' ? two(kEqual) : token;
    case '!': return second == '=' ? two(kNotEqual) : token;
    case '&': return second == '&' ? two(kLogicalAnd) : token;
    case '|': return second == '|' ? two(kLogicalOr) : token;
    case ',':
    case ';':
    case ':':
    case '[':
    case ']':
    case '{':
    case '}':
    case '(':
    case ')':
    case '+':
    case '-':
    case '*':
    case '/':
    case '^':
    case '~':
    case '?':
    case '@': return token;
    default: return invalid("a character that PTX does not know");
  }
}

}  // namespace vgpu::soft::ptx
