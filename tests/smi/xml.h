// SPDX-License-Identifier: Apache-2.0
// xml_fault: whether a text is well-formed XML of the kind that vgpu-smi writes: elements, attributes, text, entities.
#pragma once

#include <regex>
#include <string>
#include <vector>

namespace vgpu::test {

// Empty when there is none.
inline std::string xml_fault(std::string text) {
  static const std::regex kHead(R"(^<\?xml version="1\.0" \?>\s*)");
  static const std::regex kTag(R"(^<(/?)([A-Za-z_][\w.-]*)((?:\s+[\w-]+="[^"<&]*")*)\s*>)");
  static const std::regex kText(R"(^(?:[^<>&\x00-\x08\x0b\x0c\x0e-\x1f]|&(?:amp|lt|gt|quot);)+)", std::regex::optimize);
  text = std::regex_replace(text, kHead, "", std::regex_constants::format_first_only);
  std::vector<std::string> open;
  size_t roots = 0, at = 0;
  while (at < text.size()) {
    std::smatch found;
    const auto from = text.cbegin() + static_cast<std::ptrdiff_t>(at);
    // A line at a time, because std::regex recurses with the length of what it matches.
    const auto to = text.cbegin() + static_cast<std::ptrdiff_t>(std::min(text.find('\n', at) + 1, text.size()));
    if (std::regex_search(from, to, found, kTag)) {
      if (found[1].length() == 0) {
        roots += open.empty() ? 1 : 0;
        open.push_back(found[2]);
      } else if (open.empty() || open.back() != found[2]) {
        return "</" + found[2].str() + "> closes what is not open";
      } else {
        open.pop_back();
      }
    } else if (!std::regex_search(from, to, found, kText)) {
      return "not XML: " + text.substr(at, 40);
    } else if (open.empty() && found.str().find_first_not_of(" \t\n") != std::string::npos) {
      return "text outside";
    }
    at += static_cast<size_t>(found.length());
  }
  if (!open.empty()) return "<" + open.back() + "> is not closed";
  return roots == 1 ? "" : "not one root";
}

}  // namespace vgpu::test
