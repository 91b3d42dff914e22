// SPDX-License-Identifier: Apache-2.0
// The functions of libnvidia-ml.so.1, declared from the rows: nvmlDeviceGetName and so on, each with its C type, for
// clients that are written in C++ (ours). What a call returns and may be asked is NVML's documentation; docs/nvml.md
// says what is different here.
#pragma once

#include "vgpu/nvml/call.h"

// Marks are names of vgpu::nvml; the functions themselves belong to C and to no namespace.
namespace vgpu::nvml::declared {
#define NVML(name, path, ...) extern "C" Function<__VA_ARGS__> name;
#include "vgpu/nvml/rows.h"
extern "C" const char* nvmlErrorString(nvmlReturn_t result);
}  // namespace vgpu::nvml::declared

using namespace vgpu::nvml::declared;
