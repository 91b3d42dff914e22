// SPDX-License-Identifier: Apache-2.0
// A token (vgpu/wire.h) as text of 32 hexadecimal digits, where only text can travel.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "vgpu/wire.h"

namespace vgpu {

std::string token_text(const wire::Token& token);
std::optional<wire::Token> parse_token(std::string_view text);

}  // namespace vgpu
