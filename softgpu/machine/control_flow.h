// SPDX-License-Identifier: Apache-2.0
// Where the lanes of a divergent branch meet again: basic blocks of a function and their immediate post-dominators.
// Pure functions on the syntax tree, used by the lowering.
#pragma once

#include <cstdint>
#include <vector>

#include "softgpu/ptx/ast.h"

namespace vgpu::soft {

struct ControlFlow {
  static constexpr uint32_t kNowhere = UINT32_MAX;     // the lanes do not meet before they exit
  static constexpr uint32_t kReturn = UINT32_MAX - 1;  // at the function's return

  std::vector<bool> starts_block;  // by instruction
  std::vector<uint32_t> join;      // by instruction, of bra and brx: the instruction where both sides meet
};

// `ends_thread`, by instruction: no lane that executes it goes on (an unguarded exit or trap, a call that does not
// return).
ControlFlow find_control_flow(const ptx::Function& function, const std::vector<bool>& ends_thread);

}  // namespace vgpu::soft
