// SPDX-License-Identifier: Apache-2.0
#include "common/token_text.h"

namespace vgpu {

std::string token_text(const wire::Token& token) {
  std::string text;
  for (const uint64_t word : token.word)
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[word >> shift & 15];
  return text;
}

std::optional<wire::Token> parse_token(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (text.size() != 32) return std::nullopt;
  wire::Token token = {};
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t digit = kDigits.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    token.word[i / 16] = token.word[i / 16] << 4 | digit;
  }
  return token;
}

}  // namespace vgpu
