// SPDX-License-Identifier: Apache-2.0
// Which of the guest library's own commands stand for a call that the program made. Pure.
#pragma once

#include <cstdint>

#include "vgpu/api/rows.h"
#include "vgpu/wire.h"

namespace vgpu::host {

// The call that a command carries out: what a private command stands for, and every other command itself.
constexpr uint16_t call_of(uint16_t opcode) {
  switch (opcode) {
    case wire::kCapturedLaunch: return api::opcode::cuLaunchKernel;
    case wire::kMarkedRecord: return api::opcode::cuEventRecord;
    case wire::kNamedKernelNode: return api::opcode::cuGraphAddKernelNode_v2;
    default: return opcode;
  }
}

}  // namespace vgpu::host
