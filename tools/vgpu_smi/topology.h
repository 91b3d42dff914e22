// SPDX-License-Identifier: Apache-2.0
// topo -m: how each pair of cards is connected, and which processors are near. One thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/vgpu_smi/card.h"

namespace vgpu::smi {

std::string topology_matrix(const std::vector<Card>& cards);
nlohmann::json topology_json(const std::vector<Card>& cards);

// "0-3,8" of a bit per number.
std::string number_ranges(const std::vector<unsigned long>& bits);

}  // namespace vgpu::smi
