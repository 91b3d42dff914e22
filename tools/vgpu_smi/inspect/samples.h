// SPDX-License-Identifier: Apache-2.0
// What the driver has recorded of a card lately, as -q -d POWER, UTILIZATION and CLOCK sum it up. One thread.
#pragma once

#include <vector>

#include "tools/vgpu_smi/inspect/node.h"

namespace vgpu::smi {

// Appends a group for each kind of samples that belongs to `sections`.
void add_samples(const Card& card, unsigned int sections, std::vector<Node>& nodes);

}  // namespace vgpu::smi
