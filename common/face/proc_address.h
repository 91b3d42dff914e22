// SPDX-License-Identifier: Apache-2.0
// The look-up behind cuGetProcAddress: which of our exported symbols is the answer to a name, the version in which
// the caller's ABI first appeared, and the caller's flags. The table comes from the toolkit's typedef headers at
// build time. Read-only, callable from any thread and before cuInit.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/face/cuda_api.h"

namespace vgpu::face {

struct ProcAddress {
  void* pointer;  // NULL unless status is success.
  CUdriverProcAddressQueryResult status;
};

// The last ABI of `name` that is not newer than `version`; a negative version asks for the newest. With
// CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM a name that has per-thread flavours resolves among those only; flags
// say nothing to other names.
ProcAddress find_proc_address(std::string_view name, int version, cuuint64_t flags) noexcept;

}  // namespace vgpu::face
