// SPDX-License-Identifier: Apache-2.0
// What a matrix times a vector is, when the vector is rounded as each of ggml's backends does it and everything else is
// exact. Before a product with a matrix of blocks both round the vector to eight bits, each its own way; what is left
// between a backend and this is the order of its additions. Called by product.cpp. Pure functions.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "tests/ollama/quantise.h"

namespace vgpu::ollama {

enum class Rounding {
  none,
  cpu,   // Q8_0: blocks of 32; for Q4_K, Q8_K: blocks of 256
  cuda,  // Q8_1: blocks of 32 with the sum from before rounding, which Q4_0's offset of 8 is multiplied with
};

// `encoded` has rows of vector.size() weights, as append_values() writes them; q4_0, q8_0 or q4_k.
std::vector<double> product(std::span<const std::byte> encoded, WeightType type, std::span<const float> vector,
                            Rounding rounding);

}  // namespace vgpu::ollama
