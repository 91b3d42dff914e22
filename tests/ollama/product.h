// SPDX-License-Identifier: Apache-2.0
// One matrix times one vector on ggml's CPU backend, on its CUDA backend, and as tests/ollama/rounding.h says that each
// should be. Called by the harness, one thread.
#pragma once

#include <cstddef>
#include <string>

#include "common/result.h"
#include "tests/ollama/generate.h"
#include "tests/ollama/quantise.h"

namespace vgpu::ollama {

// Largest differences of a number of the result, and the widest number in it.
struct ProductReport {
  double widest = 0;
  double cpu_from_cuda = 0;
  double cpu_from_exact = 0, cuda_from_exact = 0;        // what rounding the vector costs
  double cpu_from_rounding = 0, cuda_from_rounding = 0;  // what it does not explain
};

struct ProductRequest {
  std::string backend;  // the directory that the session loaded
  WeightType type = WeightType::q4_0;
  size_t width = 2048, rows = 256;
};

Result<ProductReport> compare_products(const Session& session, const ProductRequest& request);

}  // namespace vgpu::ollama
