// SPDX-License-Identifier: Apache-2.0
// find_similar: the name that somebody who mistyped probably meant, or nothing. Any thread.
#pragma once

#include <string>
#include <vector>

namespace vgpu::smi {

std::string find_similar(const std::string& word, const std::vector<std::string>& names);

}  // namespace vgpu::smi
