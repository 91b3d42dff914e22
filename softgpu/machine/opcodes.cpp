// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/opcodes.h"

#include <cpuid.h>

#include <cstdlib>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "softgpu/machine/choice_source.h"

namespace vgpu::soft {

namespace {

using Table = std::unordered_map<std::string_view, std::vector<const OpcodeRow*>>;

void append(Table& table, OpcodeRows rows) {
  for (size_t i = 0; i < rows.count; ++i) table[rows.rows[i].name].push_back(&rows.rows[i]);
}

#ifndef VGPU_SANITIZED
// x86-64-v3 as the psABI defines it. VGPU_SOFT_BASELINE=1 keeps to plain x86-64, for tests of that path.
bool host_is_v3() {
  if (std::getenv("VGPU_SOFT_BASELINE") != nullptr) return false;
  unsigned a = 0, b = 0, basic = 0, d = 0, extended = 0;
  if (__get_cpuid(1, &a, &b, &basic, &d) == 0 || __get_cpuid(0x80000001, &a, &b, &extended, &d) == 0) return false;
  const bool f16c = (basic >> 29 & 1u) != 0;
  const bool movbe = (basic >> 22 & 1u) != 0;
  const bool lzcnt = (extended >> 5 & 1u) != 0;
  // The builtin also knows whether the operating system keeps the wide registers.
  return f16c && movbe && lzcnt && __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
         __builtin_cpu_supports("bmi") != 0 && __builtin_cpu_supports("bmi2") != 0;
}
#endif

Table make_table() {
  Table table;
#define VGPU_SOFT_APPEND_V3(name) append(table, v3::name##_rows());
#define VGPU_SOFT_APPEND_BASELINE(name) append(table, baseline::name##_rows());
#define VGPU_SOFT_APPEND_PORTABLE(name) append(table, portable::name##_rows());
#ifndef VGPU_SANITIZED
  if (host_is_v3()) {
    VGPU_SOFT_CLASSES(VGPU_SOFT_APPEND_V3)
  } else
#endif
  {
    VGPU_SOFT_CLASSES(VGPU_SOFT_APPEND_BASELINE)
  }
  VGPU_SOFT_PORTABLE_CLASSES(VGPU_SOFT_APPEND_PORTABLE)
  return table;
}

Type first_type(const Choice::Source& source) {
  for (std::string_view modifier : source.modifiers) {
    const Type type = type_of(modifier);
    if (type != Type::none) return type;
  }
  return Type::none;
}

}  // namespace

Handler choose_handler(const Choice::Source& source, Choice& choice, bool& mismatch) {
  static const Table table = make_table();
  mismatch = false;
  const auto rows = table.find(source.opcode);
  if (rows == table.end()) return nullptr;
  const Type type = first_type(source);
  for (const OpcodeRow* row : rows->second) {
    if (row->accepted != kAnyType && !contains(row->accepted, type)) continue;
    choice.restart();
    const Handler handler = row->choose(choice);
    if (handler != nullptr && choice.complete()) return handler;
    mismatch = mismatch || (handler != nullptr && choice.mismatched());
  }
  return nullptr;
}

}  // namespace vgpu::soft
