// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/clean_text.h"

#include <cstdint>

namespace vgpu::smi {
namespace {

// The length of the character at the front, or 0 when it is none that may be shown (Unicode, table 3-7).
size_t character(std::string_view words) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(words[i]); };
  if (byte(0) < 0x80) return byte(0) >= 0x20 && byte(0) != 0x7f ? 1 : 0;
  const size_t length = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || words.size() < length) return 0;
  uint32_t code = byte(0) & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3fu);
  }
  static constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
  // The second set of control characters, and two that XML forbids.
  const bool is_control = code < 0xa0 || code == 0xfffe || code == 0xffff;
  return code >= kLeast[length] && code <= 0x10ffff && !is_surrogate && !is_control ? length : 0;
}

}  // namespace

std::string clean_text(std::string_view words) {
  std::string clean;
  while (!words.empty()) {
    const size_t length = character(words);
    if (length == 0) clean += '?';
    else clean += words.substr(0, length);
    words.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

}  // namespace vgpu::smi
