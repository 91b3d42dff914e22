// SPDX-License-Identifier: Apache-2.0
// The calls of libcudart.so.13, by the toolkit's prototypes, and their flavours for the per-thread stream.
#include "tests/runtime/wrong/call.h"

// Deprecated by CUDA 13, and exported.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define VGPU_RUNTIME(symbol, base, flavour, parameters, names) cudaError_t call_##symbol parameters __asm__(#symbol);
#define VGPU_RUNTIME_VALUE(symbol, result, parameters, names)
#define VGPU_RUNTIME_UNDECLARED(symbol) \
  cudaError_t call_##symbol(wrong_calls::Foreign*, wrong_calls::Foreign*, wrong_calls::Foreign*) __asm__(#symbol);
#include "cudart_exports.inc"
#undef VGPU_RUNTIME
#undef VGPU_RUNTIME_UNDECLARED

std::vector<wrong_calls::Call> wrong_calls::all_calls() {
  std::vector<Call> calls;
#define VGPU_RUNTIME(symbol, base, flavour, parameters, names) calls.push_back(describe(#symbol, call_##symbol));
#define VGPU_RUNTIME_UNDECLARED(symbol) calls.push_back(describe(#symbol, call_##symbol));
#include "cudart_exports.inc"
  return calls;
}
