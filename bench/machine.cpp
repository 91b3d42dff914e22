// SPDX-License-Identifier: Apache-2.0
// The machine itself: instructions per second of one core on the tiled f32 matrix product. Copies and launches take no
// part worth naming: a launch runs for tens of milliseconds on the software GPU.
#include "bench/gpu.h"
#include "bench/matrix_product.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

constexpr unsigned kSize = 256;
constexpr unsigned kBlocks = kSize / kTile;
constexpr unsigned kLanes = 32;

struct Product {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  CUdeviceptr a = 0, b = 0, c = 0;
};

Measured<Product> prepare() {
  Product out;
  CUDA_TRY(cuModuleLoadData(&out.module, matrix_product_ptx().c_str()));
  CUDA_TRY(cuModuleGetFunction(&out.function, out.module, "product"));
  std::vector<float> a(kSize * kSize), b(kSize * kSize);
  // Small whole numbers: the sums are exact in any order.
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 7), b[i] = static_cast<float>(i % 5);
  for (CUdeviceptr* matrix : {&out.a, &out.b, &out.c}) CUDA_TRY(cuMemAlloc(matrix, a.size() * sizeof(float)));
  CUDA_TRY(cuMemcpyHtoD(out.a, a.data(), a.size() * sizeof(float)));
  CUDA_TRY(cuMemcpyHtoD(out.b, b.data(), b.size() * sizeof(float)));
  return out;
}

Measured<void> run(const Gpu& gpu, Product& product) {
  unsigned size = kSize;
  void* parameters[] = {&product.c, &product.a, &product.b, &size};
  CUDA_TRY(cuLaunchKernel(product.function, kBlocks, kBlocks, 1, kTile, kTile, 1, 0, gpu.stream, parameters, nullptr));
  return gpu.synchronize();
}

// A figure for wrong results would be worth nothing.
Measured<void> check(const Product& product) {
  std::vector<float> c(kSize * kSize);
  CUDA_TRY(cuMemcpyDtoH(c.data(), product.c, c.size() * sizeof(float)));
  for (const unsigned row : {0u, 100u, kSize - 1})
    for (const unsigned column : {0u, 33u, kSize - 1}) {
      float expected = 0;
      for (unsigned i = 0; i < kSize; ++i)
        expected += static_cast<float>((row * kSize + i) % 7) * static_cast<float>((i * kSize + column) % 5);
      if (c[row * kSize + column] != expected) return Failure{"the matrix product: wrong result", CUDA_ERROR_UNKNOWN};
    }
  return {};
}

Measured<void> destroy(const Product& product) {
  for (const CUdeviceptr matrix : {product.a, product.b, product.c}) CUDA_TRY(cuMemFree(matrix));
  CUDA_TRY(cuModuleUnload(product.module));
  return {};
}

Measured<double> warp_instructions(const Gpu& gpu) {
  Product product = TRY(prepare());
  TRY(run(gpu, product));
  TRY(check(product));
  const double seconds = TRY(median_time(5, [&] { return run(gpu, product); }));
  TRY(destroy(product));
  constexpr double kWarps = double{kBlocks} * kBlocks * kTile * kTile / kLanes;
  return kWarps * (double{kSize} / kTile) * instructions_per_tile() / seconds;
}

Measured<double> lane_operations(const Gpu& gpu) { return TRY(warp_instructions(gpu)) * kLanes; }

}  // namespace

Family machine_family() {
  return {"machine",
          {{"matrix product, one core: warp instructions", Unit::operations_per_second, warp_instructions},
           {"matrix product, one core: lane operations", Unit::operations_per_second, lane_operations}},
          true};
}

}  // namespace vgpu::bench
