// SPDX-License-Identifier: Apache-2.0
// The functions of libnvidia-ml.so.1, declared from the rows: nvmlDeviceGetName and so on, each with its C type, for
// clients that are written in C++ (ours). What a call returns and may be asked is NVML's documentation; docs/nvml.md
// says what is different here. What is not carried is declared with its device only.
#pragma once

#include "vgpu/nvml/call.h"

// Marks are names of vgpu::nvml; the functions themselves belong to no namespace.
namespace vgpu::nvml::types {
#define NVML(name, path, ...) using name = Function<__VA_ARGS__>;
#include "vgpu/nvml/rows.h"
}  // namespace vgpu::nvml::types

#define VGPU_NVML_EXPORTED extern "C" __attribute__((visibility("default")))
#define NVML(name, path, ...) VGPU_NVML_EXPORTED ::vgpu::nvml::types::name name;
#include "vgpu/nvml/rows.h"
VGPU_NVML_EXPORTED const char* nvmlErrorString(nvmlReturn_t result);
