// SPDX-License-Identifier: Apache-2.0
// Cuts PTX text into tokens (4.1 to 4.5), one at a time, without copying. Called by the parser; one lexer per thread.
// A '.' and the word behind it are one token, so a modifier or directive costs one step.
#pragma once

#include <cstdint>
#include <string_view>

namespace vgpu::soft::ptx {

enum class TokenKind : uint8_t {
  end,          // of the text, or a NUL inside it
  identifier,   // foo, %r1, $L__BB0_1, _
  dot,          // .word or .word::word; text is without the dot
  integer,      // value, is_unsigned
  float32,      // 0fXXXXXXXX; value = the bits
  float64,      // 0dXXXXXXXXXXXXXXXX or decimal; value = the bits
  string,       // text is without the quotes; PTX has no escapes
  punctuation,  // punctuation = the character, or one of the two-character codes below
  invalid,      // text says what is wrong
};

// Two-character operators, as Token::punctuation.
inline constexpr char kShiftLeft = 'L', kShiftRight = 'R', kLessEqual = 'l', kGreaterEqual = 'g', kEqual = 'e',
                      kNotEqual = 'n', kLogicalAnd = 'a', kLogicalOr = 'o';

struct Token {
  TokenKind kind = TokenKind::end;
  char punctuation = 0;
  bool is_unsigned = false;  // the class of an integer literal (4.5.1)
  uint32_t line = 1;
  uint64_t value = 0;
  std::string_view text;
};

class Lexer {
 public:
  Lexer() = default;
  // The text must be followed by a NUL (as std::string's is) and outlive the tokens.
  explicit Lexer(std::string_view text) : begin_(text.data()), position_(begin_), end_(begin_ + text.size()) {}

  Token next();

 private:
  void skip_blanks();
  bool skip_comment();
  bool starts_line() const;
  Token make(TokenKind kind, const char* begin, const char* end) const;
  Token invalid(std::string_view why) const;
  Token lex_number();
  Token lex_float_bits(int digits);
  Token lex_decimal_float(const char* begin);
  Token lex_integer();
  Token lex_dot();
  Token lex_string();
  Token lex_punctuation();

  const char* begin_ = "";
  const char* position_ = begin_;
  const char* end_ = position_;
  uint32_t line_ = 1;
  bool line_start_ = true;  // nothing but blanks since the last newline
};

}  // namespace vgpu::soft::ptx
