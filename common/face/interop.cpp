// SPDX-License-Identifier: Apache-2.0
#include "common/face/interop.h"

#define VGPU_INTEROP(symbol) \
  extern "C" CUresult CUDAAPI symbol() { return CUDA_ERROR_NOT_SUPPORTED; }
#include "cuda_interop.inc"
#undef VGPU_INTEROP
