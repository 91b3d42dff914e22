// SPDX-License-Identifier: Apache-2.0
// The date and the time, as the monitors write them.
#pragma once

#include <ctime>
#include <string>

namespace vgpu::smi {

inline std::string clock_words(const char* format) {
  const std::time_t now = std::time(nullptr);
  tm parts = {};
  ::localtime_r(&now, &parts);
  char words[32] = {};
  std::strftime(words, sizeof words, format, &parts);
  return words;
}

}  // namespace vgpu::smi
