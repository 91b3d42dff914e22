// SPDX-License-Identifier: Apache-2.0
// split_list: the words between a list's commas, without blanks around them; empty ones are left out.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

namespace vgpu::smi {

inline std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> words;
  for (size_t at = 0; at <= list.size();) {
    const size_t comma = std::min(list.find(',', at), list.size());
    const std::string word = list.substr(at, comma - at);
    const size_t first = word.find_first_not_of(" \t"), last = word.find_last_not_of(" \t");
    if (first != std::string::npos) words.push_back(word.substr(first, last - first + 1));
    at = comma + 1;
  }
  return words;
}

}  // namespace vgpu::smi
