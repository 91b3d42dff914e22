// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/fit.h"

#include <fmt/core.h>

namespace vgpu::smi {
namespace {

constexpr const char* kDots = "...";
constexpr size_t kDotColumns = 3;

// As fmt counts them when it fills up: what it adds is what is missing. A character has two columns at most.
size_t columns_of(const std::string& words) {
  const size_t enough = 2 * words.size();
  return enough - (fmt::format("{:<{}}", words, enough).size() - words.size());
}

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

}  // namespace

std::string fit(const std::string& words, size_t columns) {
  if (columns_of(words) <= columns) return words;
  std::string kept = words;
  while (columns_of(kept) > columns - kDotColumns) {
    while (continues_character(kept.back())) kept.pop_back();
    kept.pop_back();
  }
  return kept + kDots;
}

std::string fit_end(const std::string& words, size_t columns) {
  if (columns_of(words) <= columns) return words;
  std::string kept = words;
  while (columns_of(kept) > columns - kDotColumns) {
    kept.erase(0, 1);
    while (!kept.empty() && continues_character(kept.front())) kept.erase(0, 1);
  }
  return kDots + kept;
}

}  // namespace vgpu::smi
