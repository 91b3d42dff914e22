// SPDX-License-Identifier: Apache-2.0
// What the parts of the fake NVML library share. See nvml.cpp.
#pragma once

#include "tools/vgpu_smi/nvml_abi.h"

#define FAKE(name) extern "C" [[gnu::visibility("default")]] nvmlReturn_t name

namespace vgpu::test::fake {

constexpr unsigned int kCards = 2;
constexpr const char* kUuids[kCards] = {"GPU-5a1e0d2c-0001-4c1d-9f00-aaaaaaaaaaaa",
                                        "GPU-5a1e0d2c-0002-4c1d-9f00-bbbbbbbbbbbb"};
constexpr const char* kAddresses[kCards] = {"00000000:1B:00.0", "00000000:FF:00.0"};

bool plays(const char* role);
nvmlDevice_t device_at(unsigned int index);
int index_of(nvmlDevice_t device);
// Success for the first card, NVML_ERROR_NOT_SUPPORTED for the second, and what the role says.
nvmlReturn_t gate(nvmlDevice_t device);
nvmlReturn_t give(char* to, unsigned int room, const char* words);

}  // namespace vgpu::test::fake
