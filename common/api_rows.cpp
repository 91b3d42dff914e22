// SPDX-License-Identifier: Apache-2.0
// The table behind find_row: rows by opcode.
#include <array>

#include "vgpu/api/rows.h"

namespace vgpu::api {
namespace {

constexpr std::array<const Call*, 1024> build_table() {
  std::array<const Call*, 1024> table = {};
#define VGPU_EXPORT(symbol, base, number, flavour, params, args) table[number] = row_of<number>;
#include "cuda_exports.inc"
#undef VGPU_EXPORT
  return table;
}

constexpr std::array<const Call*, 1024> kRows = build_table();

}  // namespace

const Call* find_row(uint16_t opcode) { return opcode < kRows.size() ? kRows[opcode] : nullptr; }

}  // namespace vgpu::api
