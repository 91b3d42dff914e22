// SPDX-License-Identifier: Apache-2.0
// The table that vgpu-smi prints when it is asked for nothing else: cards, and the processes that use them. One thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/vgpu_smi/card.h"

namespace vgpu::smi {

// `program`: the name under which we were called.
std::string summary_table(const Nvml& nvml, const std::vector<Card>& cards, const std::string& program);
nlohmann::json summary_json(const Nvml& nvml, const std::vector<Card>& cards);

// -L
std::string card_list(const std::vector<Card>& cards);
nlohmann::json card_list_json(const std::vector<Card>& cards);

// "13.0", or why it is not known.
Reading<std::string> cuda_version(const Nvml& nvml);

}  // namespace vgpu::smi
