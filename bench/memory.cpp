// SPDX-License-Identifier: Apache-2.0
// Allocation, and memory that only the device touches.
#include "bench/gpu.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

Measured<double> allocate_and_free(const Gpu&) {
  return median_time(200, []() -> Measured<void> {
    CUdeviceptr memory = 0;
    CUDA_TRY(cuMemAlloc(&memory, kMiB));
    CUDA_TRY(cuMemFree(memory));
    return {};
  });
}

Measured<double> allocate_and_free_async(const Gpu& gpu) {
  const auto pair = [&]() -> Measured<void> {
    CUdeviceptr memory = 0;
    CUDA_TRY(cuMemAllocAsync(&memory, kMiB, gpu.stream));
    CUDA_TRY(cuMemFreeAsync(memory, gpu.stream));
    return {};
  };
  TRY(pair());
  const double seconds = TRY(median_time(200, pair));
  TRY(gpu.synchronize());
  return seconds;
}

// Bytes per second of `work`, which handles `bytes` on the row's stream.
template <class Work>
Measured<double> bandwidth(const Gpu& gpu, size_t bytes, Work work) {
  const auto until_done = [&]() -> Measured<void> {
    TRY(work());
    return gpu.synchronize();
  };
  const double seconds = TRY(median_time(5, until_done));
  return static_cast<double>(bytes) / seconds;
}

Measured<double> device_to_device(const Gpu& gpu) {
  constexpr size_t kBytes = 16 * kMiB;
  CUdeviceptr from = 0, to = 0;
  CUDA_TRY(cuMemAlloc(&from, kBytes));
  CUDA_TRY(cuMemAlloc(&to, kBytes));
  CUDA_TRY(cuMemsetD8(from, 1, kBytes));
  CUDA_TRY(cuMemsetD8(to, 2, kBytes));
  const double result = TRY(bandwidth(gpu, kBytes, [&]() -> Measured<void> {
    CUDA_TRY(cuMemcpyDtoDAsync(to, from, kBytes, gpu.stream));
    return {};
  }));
  CUDA_TRY(cuMemFree(from));
  CUDA_TRY(cuMemFree(to));
  return result;
}

Measured<double> fill(const Gpu& gpu) {
  constexpr size_t kBytes = 16 * kMiB;
  CUdeviceptr memory = 0;
  CUDA_TRY(cuMemAlloc(&memory, kBytes));
  CUDA_TRY(cuMemsetD8(memory, 1, kBytes));
  const double result = TRY(bandwidth(gpu, kBytes, [&]() -> Measured<void> {
    CUDA_TRY(cuMemsetD8Async(memory, 0, kBytes, gpu.stream));
    return {};
  }));
  CUDA_TRY(cuMemFree(memory));
  return result;
}

// The caller's time of a small asynchronous set.
Measured<double> small_fill(const Gpu& gpu) {
  CUdeviceptr memory = 0;
  CUDA_TRY(cuMemAlloc(&memory, 4096));
  const double seconds = TRY(mean_time(500, [&]() -> Measured<void> {
    CUDA_TRY(cuMemsetD8Async(memory, 0, 4096, gpu.stream));
    return {};
  }));
  TRY(gpu.synchronize());
  CUDA_TRY(cuMemFree(memory));
  return seconds;
}

}  // namespace

Family memory_family() {
  return {"memory",
          {{"allocate + free 1 MiB", Unit::seconds, allocate_and_free},
           {"allocate + free 1 MiB, stream-ordered", Unit::seconds, allocate_and_free_async},
           {"set 4 KiB: caller's time", Unit::seconds, small_fill},
           {"set 16 MiB", Unit::bytes_per_second, fill},
           {"copy on the device, 16 MiB", Unit::bytes_per_second, device_to_device}}};
}

}  // namespace vgpu::bench
