// SPDX-License-Identifier: Apache-2.0
// What messages about pools, textures, surfaces, shared handles and memory nodes say, as a trace shows it.
#pragma once

#include <span>

#include "host/worker/trace_description.h"

namespace vgpu::host {

std::span<const DescriptionRow> resource_descriptions();

}  // namespace vgpu::host
