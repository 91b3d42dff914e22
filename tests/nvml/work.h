// SPDX-License-Identifier: Apache-2.0
// A kernel that keeps the device busy. Needs a current context.
#pragma once

#include <cuda.h>

#include "tests/support/test.h"

namespace vgpu::nvml_test {

// Adds up numbers for as long as it is told; about a second on the software GPU.
constexpr const char* kWorkText = R"(
.version 7.0
.target sm_70
.address_size 64
.visible .entry work(.param .u64 out, .param .u32 rounds)
{
  .reg .pred %p;
  .reg .b32 %r<4>;
  .reg .b64 %d<2>;
  ld.param.u64 %d0, [out];
  ld.param.u32 %r0, [rounds];
  mov.u32 %r1, 0;
again:
  add.u32 %r1, %r1, %r0;
  sub.u32 %r0, %r0, 1;
  setp.ne.u32 %p, %r0, 0;
  @%p bra again;
  st.global.u32 [%d0], %r1;
  ret;
}
)";

class Work {
 public:
  Work() {
    REQUIRE(cuModuleLoadData(&module_, kWorkText) == CUDA_SUCCESS);
    REQUIRE(cuModuleGetFunction(&work_, module_, "work") == CUDA_SUCCESS);
    REQUIRE(cuMemAlloc(&out_, 4) == CUDA_SUCCESS);
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() {
    cuMemFree(out_);
    cuModuleUnload(module_);
  }
  // Does not wait for it.
  void launch() const {
    CUdeviceptr out = out_;
    unsigned rounds = 2'000'000;
    void* parameters[] = {&out, &rounds};
    REQUIRE(cuLaunchKernel(work_, 64, 1, 1, 32, 1, 1, 0, nullptr, parameters, nullptr) == CUDA_SUCCESS);
  }

 private:
  CUmodule module_ = nullptr;
  CUfunction work_ = nullptr;
  CUdeviceptr out_ = 0;
};

}  // namespace vgpu::nvml_test
