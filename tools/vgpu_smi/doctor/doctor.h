// SPDX-License-Identifier: Apache-2.0
// vgpu-smi doctor: all checks, as a page or JSON. One thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/vgpu_smi/doctor/finding.h"

namespace vgpu::smi::doctor {

Findings examine(const Place& place);
bool has_problem(const Findings& findings);
std::string page(const Findings& findings);
nlohmann::json to_json(const Findings& findings);

}  // namespace vgpu::smi::doctor
