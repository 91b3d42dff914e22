// SPDX-License-Identifier: Apache-2.0
// Numbers of bytes, as our tools print them. Thread-safe.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <iterator>
#include <string>

namespace vgpu {

// "4.0 MiB"
inline std::string in_bytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  auto value = static_cast<double>(bytes);
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace vgpu
