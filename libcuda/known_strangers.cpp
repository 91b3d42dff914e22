// SPDX-License-Identifier: Apache-2.0
#include "libcuda/known_strangers.h"

#include <bitset>

#include "vgpu/api/rows.h"
#include "vgpu/wire.h"

namespace vgpu::guest {
namespace {

namespace op = api::opcode;

// What programs send all the time. What a launch loads for itself, the program has to ask for before it knows it.
constexpr uint16_t kLeaving[] = {
    op::cuLaunchKernel,       op::cuLaunchKernelEx,      op::cuMemcpyHtoD_v2,
    op::cuMemcpyHtoDAsync_v2, op::cuMemcpyDtoH_v2,       op::cuMemcpyDtoHAsync_v2,
    op::cuMemcpyDtoD_v2,      op::cuMemcpyDtoDAsync_v2,  op::cuMemcpy,
    op::cuMemcpyAsync,        op::cuMemsetD8_v2,         op::cuMemsetD8Async,
    op::cuMemsetD32_v2,       op::cuMemsetD32Async,      op::cuEventRecord,
    op::cuEventQuery,         op::cuEventSynchronize,    op::cuEventElapsedTime,
    op::cuStreamWaitEvent,    op::cuStreamQuery,         op::cuStreamSynchronize,
    op::cuCtxSynchronize,     op::cuPointerGetAttribute, op::cuMemGetInfo_v2,
    op::cuMemFreeAsync,       op::cuMemFree_v2,          wire::kPlaceMarker,
    wire::kMarkedRecord,      wire::kMarkedWait,         wire::kMarkedCopy,
    wire::kServeCallbacks,    wire::kTakeOutput,
};

std::bitset<wire::kOpcodeEnd> leaving() {
  std::bitset<wire::kOpcodeEnd> set;
  for (const uint16_t opcode : kLeaving) set.set(opcode);
  return set;
}

}  // namespace

bool leaves_addresses(uint16_t opcode) {
  static const std::bitset<wire::kOpcodeEnd> set = leaving();
  return opcode < set.size() && set[opcode];
}

}  // namespace vgpu::guest
