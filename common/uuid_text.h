// SPDX-License-Identifier: Apache-2.0
// A GPU's UUID as programs write it: "GPU-" and five groups of hexadecimal digits. Stateless.
#pragma once

#include <cstddef>
#include <string>

namespace vgpu {

// `bytes`: 16 of them, of whatever byte type the UUID came in.
template <class Byte>
std::string uuid_text(const Byte (&bytes)[16]) {
  static_assert(sizeof(Byte) == 1);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "GPU-";
  for (size_t i = 0; i < sizeof bytes; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    const auto byte = static_cast<unsigned char>(bytes[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace vgpu
