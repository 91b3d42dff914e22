// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/opcodes.h"

#include <string_view>
#include <unordered_map>
#include <vector>

#include "softgpu/machine/choice_source.h"
#include "softgpu/machine/host_level.h"

namespace vgpu::soft {

namespace {

using Table = std::unordered_map<std::string_view, std::vector<const OpcodeRow*>>;

void append(Table& table, OpcodeRows rows) {
  for (size_t i = 0; i < rows.count; ++i) table[rows.rows[i].name].push_back(&rows.rows[i]);
}

Table make_table() {
  Table table;
#define VGPU_SOFT_APPEND_V4(name) append(table, v4::name##_rows());
#define VGPU_SOFT_APPEND_V3(name) append(table, v3::name##_rows());
#define VGPU_SOFT_APPEND_BASELINE(name) append(table, baseline::name##_rows());
#define VGPU_SOFT_APPEND_PORTABLE(name) append(table, portable::name##_rows());
#ifdef VGPU_SANITIZED
  VGPU_SOFT_CLASSES(VGPU_SOFT_APPEND_BASELINE)
#else
  switch (host_level()) {
    case HostLevel::v4: VGPU_SOFT_CLASSES(VGPU_SOFT_APPEND_V4) break;
    case HostLevel::v3: VGPU_SOFT_CLASSES(VGPU_SOFT_APPEND_V3) break;
    case HostLevel::baseline: VGPU_SOFT_CLASSES(VGPU_SOFT_APPEND_BASELINE) break;
  }
#endif
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
