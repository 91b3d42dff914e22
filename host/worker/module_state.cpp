// SPDX-License-Identifier: Apache-2.0
#include "host/worker/module_state.h"

#include <algorithm>
#include <string_view>

#include "common/fatbin.h"

namespace vgpu::host {
namespace {

// What a word of PTX consists of, instructions with their qualifiers included.
bool is_of_word(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
         letter == '.' || letter == '_' || letter == '$' || letter == '%';
}

// A directive, or several that nothing stands between, begins with a point; in an instruction a name comes first.
bool declares(std::string_view word) {
  constexpr std::string_view kSpaces[] = {"global", "const", "tex", "sampler", "surf"};
  return word.starts_with('.') && std::any_of(std::begin(kSpaces), std::end(kSpaces), [&](std::string_view space) {
           return word.find(space) != std::string_view::npos;
         });
}

}  // namespace

bool may_have_variables(std::span<const std::byte> image) {
  if (fatbin::kind_of(image) != fatbin::ImageKind::ptx) return true;
  const std::string_view text(reinterpret_cast<const char*>(image.data()), image.size());
  for (size_t at = 0; at < text.size();) {
    const auto begin = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_of_word);
    const auto end = std::find_if_not(begin, text.end(), is_of_word);
    if (declares({begin, end})) return true;
    at = static_cast<size_t>(end - text.begin());
  }
  return false;
}

}  // namespace vgpu::host
