// SPDX-License-Identifier: Apache-2.0
// What the generators that read the toolkit's headers share. Standard C++ only, for they run before anything is
// compiled.
#pragma once

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

namespace vgpu::generator {

// All of it; a file that cannot be read ends the program.
inline std::string read_file(const char* path) {
  std::ifstream file(path);
  if (!file) {
    std::cerr << "cannot read " << path << '\n';
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

// With one space for each run of white space, and none at the end.
inline std::string squeeze(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!space) out += c;
    else if (!out.empty() && out.back() != ' ') out += ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace vgpu::generator
