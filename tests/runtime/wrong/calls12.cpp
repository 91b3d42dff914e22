// SPDX-License-Identifier: Apache-2.0
// The calls of libcudart.so.12: CUDA 12's own by our declarations, the others by the toolkit's prototypes.
#include "libcuda/cudart12/layouts.h"
#include "tests/runtime/wrong/call.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace vgpu::runtime::twelve {

// NVIDIA's library at hand is of release 12.4: what came later is not in it.
#define VGPU_RUNTIME(symbol, base, flavour, parameters, names) \
  cudaError_t call_##symbol parameters __asm__(#symbol) __attribute__((weak));
#define VGPU_RUNTIME_VALUE(symbol, result, parameters, names)
#define VGPU_RUNTIME_UNDECLARED(symbol) \
  cudaError_t call_##symbol(wrong_calls::Foreign*, wrong_calls::Foreign*, wrong_calls::Foreign*) __asm__(#symbol);
#include "cudart12_exports.inc"
#undef VGPU_RUNTIME
#undef VGPU_RUNTIME_UNDECLARED

static std::vector<wrong_calls::Call> all() {
  using wrong_calls::describe;
  std::vector<wrong_calls::Call> calls;
#define VGPU_RUNTIME(symbol, base, flavour, parameters, names) \
  if (call_##symbol != nullptr) calls.push_back(describe(#symbol, call_##symbol));
#define VGPU_RUNTIME_UNDECLARED(symbol) calls.push_back(describe(#symbol, call_##symbol));
#include "cudart12_exports.inc"
  return calls;
}

}  // namespace vgpu::runtime::twelve

std::vector<wrong_calls::Call> wrong_calls::all_calls() { return vgpu::runtime::twelve::all(); }
