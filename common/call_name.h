// SPDX-License-Identifier: Apache-2.0
// What may pass for the name of a call when another process says it: it is shown to people, and kept in lists. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace vgpu {

// Of different names that one program may have in a list.
constexpr size_t kMaxCallNames = 256;

constexpr bool is_call_name(std::string_view name) {
  constexpr size_t kLongest = 96;
  return !name.empty() && name.size() <= kLongest && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace vgpu
