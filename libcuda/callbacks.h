// SPDX-License-Identifier: Apache-2.0
// The thread that runs host functions of streams and graphs in this process. Started with the first such function;
// it waits for the worker's requests and runs them in order, one at a time, as CUDA does.
#pragma once

#include "libcuda/process.h"

namespace vgpu::guest {

// Makes sure that the callback thread runs; CUDA_ERROR_OPERATING_SYSTEM where none can be started. Thread-safe.
CUresult start_callback_thread(Process& process);

}  // namespace vgpu::guest
