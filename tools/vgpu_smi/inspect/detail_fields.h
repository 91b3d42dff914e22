// SPDX-License-Identifier: Apache-2.0
// DetailField: a value that only -q shows, by a name of ours. Constant; any thread.
#pragma once

#include <functional>
#include <string_view>

#include "tools/vgpu_smi/card.h"
#include "tools/vgpu_smi/cell.h"

namespace vgpu::smi {

struct DetailField {
  std::string_view name;
  std::function<Cell(const Card&)> read;
};

const DetailField* find_detail_field(std::string_view name);

}  // namespace vgpu::smi
