// SPDX-License-Identifier: Apache-2.0
// Which devices a process sees: CUDA_VISIBLE_DEVICES, as the CUDA programming guide describes it, and the identity of
// a device by which that variable can name it. Pure functions of their arguments and the machine.
#pragma once

#include <vector>

#include "softgpu/driver/cuda_api.h"

namespace vgpu::soft {

// The slots of the visible devices, in order. `list` is the variable's value or null (all are visible); entries are
// numbers or beginnings of UUIDs ("GPU-1a2b").
std::vector<int> visible_devices(const char* list, int count);

CUuuid device_uuid(int slot);

}  // namespace vgpu::soft
