// SPDX-License-Identifier: Apache-2.0
// Samples and performance metrics (GPM): what is there, of which kind, and what it says.
#pragma once

#include "tests/gpu/nvml_values/asking.h"

namespace vgpu::nvml_values {

// By its type.
std::string value_of(nvmlValueType_t type, const nvmlValue_t& value);
std::vector<Family> families_of_performance();

}  // namespace vgpu::nvml_values
