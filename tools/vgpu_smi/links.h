// SPDX-License-Identifier: Apache-2.0
// nvlink: each link of a card, and how fast it is. One thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/vgpu_smi/card.h"

namespace vgpu::smi {

// A line for each card, and one for each of its links; a card without links has none.
std::string link_list(const std::vector<Card>& cards);
nlohmann::json link_list_json(const std::vector<Card>& cards);

}  // namespace vgpu::smi
