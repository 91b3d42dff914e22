// SPDX-License-Identifier: Apache-2.0
// cuda.h and cudaProfiler.h as a driver needs them: every versioned symbol declared under its own name (no macros
// that turn cuMemAlloc into cuMemAlloc_v2), and with default visibility, because the libraries are compiled with
// -fvisibility=hidden and a hidden definition is not exported, whatever the version script says.
// Include it before anything else that includes cuda.h.
#pragma once

#ifndef __CUDA_API_VERSION_INTERNAL
#define __CUDA_API_VERSION_INTERNAL
#endif
#pragma GCC visibility push(default)
#include <cuda.h>
#include <cudaProfiler.h>
#pragma GCC visibility pop
