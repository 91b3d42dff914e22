// SPDX-License-Identifier: Apache-2.0
// Weights in the block formats of GGUF files: 32-bit floats to F16, Q4_0, Q8_0, Q4_K. Written from the formats'
// description (a block's scale, then its numbers), simple rather than optimal: the file is for comparing runs with each
// other. Called by tiny_gguf.cpp. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vgpu::ollama {

// Numbers as in GGUF's tensor table.
enum class WeightType : uint32_t { f32 = 0, f16 = 1, q4_0 = 2, q8_0 = 8, q4_k = 12 };

// "f32", "f16", "q4_0", "q8_0", "q4_k"; false for any other name.
bool parse_weight_type(std::string_view name, WeightType& type);

// GGUF's general.file_type for a file whose matrices are mostly of this type.
uint32_t file_type_of(WeightType type);

// Appends the encoded values. The count must be a multiple of the block: 1, 32, or 256 values for q4_k.
void append_values(std::vector<std::byte>& bytes, std::span<const float> values, WeightType type);

}  // namespace vgpu::ollama
