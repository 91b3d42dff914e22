// SPDX-License-Identifier: Apache-2.0
// Managed memory in the guest: host pages that both sides map. It never migrates, so prefetches and advice move
// nothing; advice is kept per page and can be asked, as on a device that honours it lazily. Thread-safe.
#pragma once

#include "libcuda/invoke.h"

namespace vgpu::guest {

// A pointer attribute that the driver, which sees registered host memory, would answer wrongly. False: ask the driver.
bool managed_attribute(const HostRange& range, CUpointer_attribute attribute, void* data);
// The allocation is gone, and what was advised about it.
void forget_advice(uint64_t address);

}  // namespace vgpu::guest
