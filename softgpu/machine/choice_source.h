// SPDX-License-Identifier: Apache-2.0
// What a Choice reads: one instruction of the syntax tree. Shared by choice.cpp and the lowering, nobody else.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "softgpu/machine/opcodes.h"
#include "softgpu/ptx/ast.h"

namespace vgpu::soft {

struct Choice::Source {
  std::string opcode;
  std::vector<std::string_view> modifiers;
  const ptx::Function* function = nullptr;
  std::span<const ptx::Operand> operands;
  bool entry = false;  // the function is a kernel
};

// Bits of a register of this declared type; 0 for opaque ones.
unsigned register_bits(ptx::Type type);

// Bits of a special register: 1 for predicates.
unsigned special_bits(ptx::Word word);

}  // namespace vgpu::soft
