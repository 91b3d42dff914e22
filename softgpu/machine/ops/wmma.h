// SPDX-License-Identifier: Apache-2.0
// What wmma's instructions of all shapes have in common (PTX ISA 9.7.14.4). Called by wmma.cpp and wmma_small.cpp.
#pragma once

#include "softgpu/machine/ops/matrix.h"
#include "softgpu/machine/ops/memory_access.h"

namespace vgpu::soft::VGPU_ISA {

// Where a matrix begins: the operand and its displacement, the same in all lanes by contract.
inline uint64_t matrix_address(Warp& warp, const Instruction& instruction, unsigned operand, bool wide, LaneMask mask) {
  const auto lane = static_cast<unsigned>(__builtin_ctz(mask));
  const auto displacement = static_cast<uint64_t>(instruction.immediate);
  return wide ? warp.row<uint64_t>(instruction.at(operand))[lane] + displacement
              : static_cast<uint32_t>(warp.row<uint32_t>(instruction.at(operand))[lane] + displacement);
}

inline Space take_matrix_space(Choice& choice) {
  static constexpr const char* kSpaces[] = {"global", "shared", "shared::cta"};
  const int space = choice.take_one(kSpaces);
  return space < 0 ? Space::generic : space == 0 ? Space::global : Space::shared;
}

using Choose = Handler (*)(Choice& choice);
inline Handler choose_wmma(Choice& choice, Choose load, Choose store, Choose multiply) {
  if (choice.take("load")) return load(choice);
  if (choice.take("store")) return store(choice);
  return choice.take("mma") ? multiply(choice) : nullptr;
}

}  // namespace vgpu::soft::VGPU_ISA
