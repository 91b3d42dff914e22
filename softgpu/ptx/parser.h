// SPDX-License-Identifier: Apache-2.0
// PTX text to syntax tree. Accepts PTX ISA 1.x to 9.x as nvcc writes it and as people do. Never crashes, loops or
// recurses without bound on garbage: the text may come from anyone. Called by the machine's Program and by the tests;
// holds no state between calls, so any number of threads may parse.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <memory>
#include <string>

#include "common/result.h"
#include "softgpu/ptx/ast.h"

namespace vgpu::soft::ptx {

struct ParseError {
  CUresult code = CUDA_ERROR_INVALID_PTX;  // or CUDA_ERROR_UNSUPPORTED_PTX_VERSION
  uint32_t line = 0;                       // from 1
  std::string message;                     // "line 12: expected ';' before 'foo'"
};

// Parses a whole module, which owns the text. The result is never null.
Result<std::unique_ptr<Module>, ParseError> parse(std::string text);

}  // namespace vgpu::soft::ptx
