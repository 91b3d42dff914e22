// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/host_level.h"

#include <cpuid.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace vgpu::soft {

namespace {

// The builtin also knows whether the operating system keeps the wide registers.
bool has_v3() {
  unsigned a = 0, b = 0, basic = 0, d = 0, extended = 0;
  if (__get_cpuid(1, &a, &b, &basic, &d) == 0 || __get_cpuid(0x80000001, &a, &b, &extended, &d) == 0) return false;
  const bool f16c = (basic >> 29 & 1u) != 0;
  const bool movbe = (basic >> 22 & 1u) != 0;
  const bool lzcnt = (extended >> 5 & 1u) != 0;
  return f16c && movbe && lzcnt && __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
         __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0;
}

bool has_v4() {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
         __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
         __builtin_cpu_supports("avx512vl") != 0;
}

HostLevel present_level() {
  if (!has_v3()) return HostLevel::baseline;
  return has_v4() ? HostLevel::v4 : HostLevel::v3;
}

HostLevel allowed_level() {
  if (std::getenv("VGPU_SOFT_BASELINE") != nullptr) return HostLevel::baseline;
  const char* name = std::getenv("VGPU_SOFT_LEVEL");
  const std::string_view level = name != nullptr ? name : "";
  if (level == "baseline") return HostLevel::baseline;
  return level == "v3" ? HostLevel::v3 : HostLevel::v4;
}

}  // namespace

HostLevel host_level() { return std::min(present_level(), allowed_level()); }

}  // namespace vgpu::soft
