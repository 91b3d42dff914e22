// SPDX-License-Identifier: Apache-2.0
#include "common/api_names.h"

#include <array>

namespace vgpu::api {
namespace {

struct Names {
  const char* call = nullptr;
  const char* parameters = nullptr;
};

constexpr std::array<Names, 1024> build_table() {
  std::array<Names, 1024> table = {};
#define VGPU_EXPORT(symbol, base, number, flavour, params, args) table[number] = {#base, #args};
#include "cuda_exports.inc"
#undef VGPU_EXPORT
  return table;
}

constexpr std::array<Names, 1024> kNames = build_table();

}  // namespace

const char* find_call_name(uint16_t opcode) { return opcode < kNames.size() ? kNames[opcode].call : nullptr; }

const char* find_parameter_names(uint16_t opcode) {
  return opcode < kNames.size() ? kNames[opcode].parameters : nullptr;
}

}  // namespace vgpu::api
