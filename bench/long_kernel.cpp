// SPDX-License-Identifier: Apache-2.0
#include "bench/long_kernel.h"

namespace vgpu::bench {
namespace {

constexpr char kPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64
.visible .entry two_milliseconds()
{
  .reg .b64 %begin, %now;
  .reg .pred %early;
  mov.u64 %begin, %globaltimer;
again:
  mov.u64 %now, %globaltimer;
  sub.u64 %now, %now, %begin;
  setp.lt.u64 %early, %now, 2000000;
  @%early bra again;
  ret;
}
)";

}  // namespace

Measured<LongKernel> LongKernel::load() {
  LongKernel kernel;
  CUmodule module = nullptr;
  CUDA_TRY(cuModuleLoadData(&module, kPtx));
  CUDA_TRY(cuModuleGetFunction(&kernel.function_, module, "two_milliseconds"));
  return kernel;
}

Measured<void> LongKernel::launch_and_wait(CUstream stream) const {
  CUDA_TRY(cuLaunchKernel(function_, 1, 1, 1, 32, 1, 1, 0, stream, nullptr, nullptr));
  CUDA_TRY(cuStreamSynchronize(stream));
  return {};
}

}  // namespace vgpu::bench
