// SPDX-License-Identifier: Apache-2.0
// clean_text: words of somebody else's, such as a process's name, fit for a terminal, a line of CSV, XML and JSON:
// control characters, and bytes that are no UTF-8, become question marks. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace vgpu::smi {

std::string clean_text(std::string_view words);

}  // namespace vgpu::smi
