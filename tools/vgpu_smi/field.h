// SPDX-License-Identifier: Apache-2.0
// Field: one property that --query-gpu can print. Scripts know the names, so they are the known tool's; what a field
// means is said in our own words. A name's first form heads the CSV column, the others are accepted as well.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/vgpu_smi/card.h"
#include "tools/vgpu_smi/cell.h"

namespace vgpu::smi {

struct Field {
  std::string_view section;
  std::vector<std::string> names;
  std::string_view unit;  // as the column's head has it, or empty
  std::string meaning;
  std::function<Cell(const Card&)> read;
};

// All fields, in the order of --help-query-gpu.
const std::vector<Field>& gpu_fields();
const Field* find_gpu_field(std::string_view name);

// Each adds its sections.
void add_identity_fields(std::vector<Field>& fields);
void add_state_fields(std::vector<Field>& fields);
void add_usage_fields(std::vector<Field>& fields);
void add_error_fields(std::vector<Field>& fields);
void add_power_fields(std::vector<Field>& fields);

// The same in each row of one print.
std::string timestamp_now();

}  // namespace vgpu::smi
