// SPDX-License-Identifier: Apache-2.0
// The rows of all NVML calls as a table. Immutable; any thread.
#pragma once

#include <span>
#include <string_view>

#include "vgpu/nvml/call.h"

namespace vgpu::nvml {

// In the order of the rows.
std::span<const Call> calls();
// Those of the inner rows, which are not exported.
std::span<const Call> inner_calls();
// Of either. Null: there is no such call.
const Call* find_call(std::string_view name);

}  // namespace vgpu::nvml
