// SPDX-License-Identifier: Apache-2.0
// Kernels that fail, each in a context of its own, which dies of it.
#pragma once

#include <cuda.h>

#include "tests/support/test.h"

namespace vgpu::nvml_test {

// Stores a word at an address that it is given.
constexpr const char* kStore = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry store_word(.param .u64 where)
{
  .reg .b64 %d;
  ld.param.u64 %d, [where];
  st.global.u32 [%d], 1;
  ret;
}
)";

// Runs it; what the context says then is `expected`.
inline void fail_by_store(CUdeviceptr where, CUresult expected) {
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUmodule module = nullptr;
  CUfunction kernel = nullptr;
  REQUIRE(cuInit(0) == CUDA_SUCCESS);
  REQUIRE(cuDeviceGet(&device, 0) == CUDA_SUCCESS);
#if CUDA_VERSION >= 13000
  REQUIRE(cuCtxCreate(&context, nullptr, 0, device) == CUDA_SUCCESS);
#else
  REQUIRE(cuCtxCreate(&context, 0, device) == CUDA_SUCCESS);
#endif
  REQUIRE(cuModuleLoadData(&module, kStore) == CUDA_SUCCESS);
  REQUIRE(cuModuleGetFunction(&kernel, module, "store_word") == CUDA_SUCCESS);
  if (where == 1) {
    REQUIRE(cuMemAlloc(&where, 256) == CUDA_SUCCESS);
    ++where;
  }
  void* parameters[] = {&where};
  REQUIRE(cuLaunchKernel(kernel, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr) == CUDA_SUCCESS);
  CHECK(cuCtxSynchronize() == expected);
  cuCtxDestroy(context);
}

inline void fail_by_illegal_address() { fail_by_store(0x100, CUDA_ERROR_ILLEGAL_ADDRESS); }
// An address that is there, but no word begins at it.
inline void fail_by_misalignment() { fail_by_store(1, CUDA_ERROR_MISALIGNED_ADDRESS); }

}  // namespace vgpu::nvml_test
