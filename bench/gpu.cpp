// SPDX-License-Identifier: Apache-2.0
#include "bench/gpu.h"

namespace vgpu::bench {
namespace {

// The oldest target that every driver of today compiles.
constexpr char kEmptyPtx[] = R"(
.version 6.4
.target sm_52
.address_size 64
.visible .entry empty(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 m, .param .u32 n, .param .u32 k,
                      .param .f32 alpha, .param .f32 beta)
{
  ret;
}
)";

}  // namespace

void** empty_parameters() {
  static uint64_t a = 0, b = 0, c = 0;
  static uint32_t m = 1, n = 2, k = 3;
  static float alpha = 1, beta = 0;
  static void* parameters[] = {&a, &b, &c, &m, &n, &k, &alpha, &beta};
  return parameters;
}

Measured<Gpu> Gpu::create() {
  Gpu gpu;
  CUDA_TRY(cuInit(0));
  CUDA_TRY(cuDeviceGet(&gpu.device, 0));
  CUDA_TRY(cuDevicePrimaryCtxRetain(&gpu.context, gpu.device));
  CUDA_TRY(cuCtxSetCurrent(gpu.context));
  CUDA_TRY(cuModuleLoadData(&gpu.module, kEmptyPtx));
  CUDA_TRY(cuModuleGetFunction(&gpu.empty, gpu.module, "empty"));
  CUDA_TRY(cuStreamCreate(&gpu.stream, CU_STREAM_NON_BLOCKING));
  // What is done at a first use belongs to no row but the process's start.
  TRY(gpu.launch());
  TRY(gpu.synchronize());
  return gpu;
}

Measured<void> Gpu::launch(CUstream on) const {
  CUDA_TRY(cuLaunchKernel(empty, 1, 1, 1, 32, 1, 1, 0, on, empty_parameters(), nullptr));
  return {};
}

Measured<void> Gpu::synchronize() const {
  CUDA_TRY(cuStreamSynchronize(stream));
  return {};
}

}  // namespace vgpu::bench
