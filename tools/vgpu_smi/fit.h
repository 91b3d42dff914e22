// SPDX-License-Identifier: Apache-2.0
// fit, fit_end: words of UTF-8 cut to a number of a terminal's columns, with dots in place of what is missing: of the
// end, or, as the known tool does it with names of processes, of the beginning. Any thread.
#pragma once

#include <string>

namespace vgpu::smi {

std::string fit(const std::string& words, size_t columns);
std::string fit_end(const std::string& words, size_t columns);

}  // namespace vgpu::smi
