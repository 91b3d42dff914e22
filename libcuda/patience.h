// SPDX-License-Identifier: Apache-2.0
// How long a thread that waits for the device stays awake, once CUDA's usual spin is over. Natively it does so until
// the device is done, unless the context was created to block. To wake a thread takes 70 microseconds where processors
// are virtual. CUDA driver API: Context Management, cuCtxCreate (CU_CTX_SCHED_AUTO ...). Any thread.
#pragma once

#include <chrono>

namespace vgpu::guest {

struct Admitted;

// Of the thread's current context. Nothing where the device needs the processor that would be kept.
std::chrono::microseconds patience(const Admitted& admitted);

}  // namespace vgpu::guest
