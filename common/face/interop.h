// SPDX-License-Identifier: Apache-2.0
// Graphics interoperation: OpenGL, EGL and VDPAU contexts live in processes that the worker cannot reach, so its calls
// are exported, as the real library exports them, and refused. Their headers need those of the graphics libraries; a
// call that looks at no argument needs no declaration of them. Thread-safe.
#pragma once

#include "common/face/cuda_api.h"

#define VGPU_INTEROP(symbol) extern "C" [[gnu::visibility("default")]] CUresult CUDAAPI symbol();
#include "cuda_interop.inc"
#undef VGPU_INTEROP
