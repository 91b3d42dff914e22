// SPDX-License-Identifier: Apache-2.0
// The tokens of PTX text (PTX ISA 4.1 to 4.5).
#include "softgpu/ptx/lexer.h"

#include <bit>
#include <string>
#include <vector>

#include "tests/support/test.h"

using namespace vgpu::soft::ptx;

namespace {

std::vector<Token> tokens_of(const std::string& text) {
  Lexer lexer(text);
  std::vector<Token> tokens;
  for (Token token = lexer.next(); token.kind != TokenKind::end; token = lexer.next()) {
    tokens.push_back(token);
    if (token.kind == TokenKind::invalid) break;
  }
  return tokens;
}

Token only(const std::string& text) {
  const std::vector<Token> tokens = tokens_of(text);
  REQUIRE(tokens.size() == 1);
  return tokens[0];
}

}  // namespace

TEST_CASE("an opcode and its modifiers are one identifier and one dot token each", "[unit]") {
  const std::string text = "mad.lo.s32";
  const auto tokens = tokens_of(text);
  REQUIRE(tokens.size() == 3);
  CHECK(tokens[0].kind == TokenKind::identifier);
  CHECK(tokens[0].text == "mad");
  CHECK(tokens[1].kind == TokenKind::dot);
  CHECK(tokens[1].text == "lo");
  CHECK(tokens[2].text == "s32");
}

TEST_CASE("a scoped modifier is one token", "[unit]") {
  const std::string text = ".mbarrier::complete_tx::bytes.L2::128B";
  const auto tokens = tokens_of(text);
  REQUIRE(tokens.size() == 2);
  CHECK(tokens[0].text == "mbarrier::complete_tx::bytes");
  CHECK(tokens[1].text == "L2::128B");
}

TEST_CASE("identifiers may begin with a percent, dollar or underscore", "[unit]") {
  CHECK(only("%rd12").kind == TokenKind::identifier);
  CHECK(only("$L__BB0_1").kind == TokenKind::identifier);
  CHECK(only("_").kind == TokenKind::identifier);
  CHECK(only("_ZN3fooEv").kind == TokenKind::identifier);
}

TEST_CASE("a lone percent is the remainder operator", "[unit]") {
  const std::string text = "7 % 4";
  const auto tokens = tokens_of(text);
  REQUIRE(tokens.size() == 3);
  CHECK(tokens[1].kind == TokenKind::punctuation);
  CHECK(tokens[1].punctuation == '%');
}

TEST_CASE("integers are read in every base, with and without a U", "[unit]") {
  CHECK(only("42").value == 42);
  CHECK(only("0x1F").value == 31);
  CHECK(only("017").value == 15);
  CHECK(only("0b101").value == 5);
  CHECK(only("0").value == 0);
  CHECK_FALSE(only("42").is_unsigned);
  CHECK(only("42U").is_unsigned);
  CHECK(only("0xFFFFFFFFFFFFFFFF").is_unsigned);
  CHECK(only("18446744073709551615").value == UINT64_MAX);
}

TEST_CASE("malformed numbers are invalid", "[unit]") {
  CHECK(only("0x").kind == TokenKind::invalid);
  CHECK(only("09").kind == TokenKind::invalid);
  CHECK(only("12abc").kind == TokenKind::invalid);
  CHECK(only("18446744073709551616").kind == TokenKind::invalid);
  CHECK(only("0f3F80000").kind == TokenKind::invalid);
  CHECK(only("0f3F8000000").kind == TokenKind::invalid);
  CHECK(only("0d3FF00000").kind == TokenKind::invalid);
}

TEST_CASE("hexadecimal floats keep their bits", "[unit]") {
  CHECK(only("0f3F800000").kind == TokenKind::float32);
  CHECK(only("0F3f800000").value == 0x3F800000);
  CHECK(only("0f7FC00001").value == 0x7FC00001);
  CHECK(only("0d3FF0000000000000").kind == TokenKind::float64);
  CHECK(only("0d3FF0000000000000").value == 0x3FF0000000000000);
}

TEST_CASE("decimal floats are doubles", "[unit]") {
  CHECK(std::bit_cast<double>(only("1.5").value) == 1.5);
  CHECK(std::bit_cast<double>(only("2e3").value) == 2000.0);
  CHECK(std::bit_cast<double>(only("25.0E-1").value) == 2.5);
  CHECK(only("1.").kind == TokenKind::float64);
}

TEST_CASE("a float may begin with its point when a blank stands before", "[unit]") {
  const std::string text = "mov.f32 %f1, .5;";
  const auto tokens = tokens_of(text);
  REQUIRE(tokens.size() == 6);
  CHECK(tokens[4].kind == TokenKind::float64);
  CHECK(std::bit_cast<double>(tokens[4].value) == 0.5);
}

TEST_CASE("comments, line marks and DWARF lines are skipped and counted as lines", "[unit]") {
  const std::string text = "// one\n/* two\nthree */ a\n# 1 \"x.cu\"\n@@DWARF .byte 1\nb @c";
  const auto tokens = tokens_of(text);
  REQUIRE(tokens.size() == 4);
  CHECK(tokens[0].text == "a");
  CHECK(tokens[0].line == 3);
  CHECK(tokens[1].text == "b");
  CHECK(tokens[1].line == 6);
  CHECK(tokens[2].punctuation == '@');
}

TEST_CASE("a comment that does not end takes the rest of the text", "[unit]") {
  CHECK(tokens_of("/* never").empty());
  CHECK(tokens_of("a /").size() == 2);
}

TEST_CASE("two-character operators are one token", "[unit]") {
  const std::string text = "<< >> <= >= == != && ||";
  const auto tokens = tokens_of(text);
  REQUIRE(tokens.size() == 8);
  CHECK(tokens[0].punctuation == kShiftLeft);
  CHECK(tokens[1].punctuation == kShiftRight);
  CHECK(tokens[7].punctuation == kLogicalOr);
}

TEST_CASE("a string must end on its line", "[unit]") {
  CHECK(only("\"a b\"").text == "a b");
  CHECK(only("\"a\n\"").kind == TokenKind::invalid);
  CHECK(only("\"").kind == TokenKind::invalid);
}

TEST_CASE("a NUL ends the text and a strange character is invalid", "[unit]") {
  CHECK(tokens_of(std::string("a\0b", 3)).size() == 1);
  CHECK(only("\x80").kind == TokenKind::invalid);
  CHECK(only(".").kind == TokenKind::invalid);
}
