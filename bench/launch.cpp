// SPDX-License-Identifier: Apache-2.0
// Launches of an empty kernel with eight parameters, and of one that takes two milliseconds.
#include "bench/gpu.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

// A burst that fits in the ring: what the caller pays when nothing makes it wait.
Measured<double> caller_time(const Gpu& gpu) {
  constexpr int kBurst = 500, kBursts = 15;
  std::vector<double> bursts;
  for (int i = 0; i < kBursts; ++i) {
    bursts.push_back(TRY(mean_time(kBurst, [&] { return gpu.launch(); })));
    TRY(gpu.synchronize());
  }
  return median(std::move(bursts));
}

Measured<double> sustained(const Gpu& gpu) {
  constexpr int kLaunches = 20000;
  const double begin = now();
  for (int i = 0; i < kLaunches; ++i) TRY(gpu.launch());
  TRY(gpu.synchronize());
  return kLaunches / (now() - begin);
}

Measured<double> launch_and_wait(const Gpu& gpu) {
  return median_time(500, [&]() -> Measured<void> {
    TRY(gpu.launch());
    return gpu.synchronize();
  });
}

constexpr char kLongPtx[] = R"(
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

// Longer than anybody spins without a thought for others.
Measured<double> long_launch_and_wait(const Gpu& gpu) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  CUDA_TRY(cuModuleLoadData(&module, kLongPtx));
  CUDA_TRY(cuModuleGetFunction(&function, module, "two_milliseconds"));
  const double time = TRY(median_time(50, [&]() -> Measured<void> {
    CUDA_TRY(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, gpu.stream, nullptr, nullptr));
    return gpu.synchronize();
  }));
  CUDA_TRY(cuModuleUnload(module));
  return time;
}

}  // namespace

Family launch_family() {
  return {"launch",
          {{"launch: caller's time", Unit::seconds, caller_time},
           {"launch: sustained, one thread", Unit::launches_per_second, sustained},
           {"launch + stream synchronise", Unit::seconds, launch_and_wait},
           {"launch of 2 ms + stream synchronise", Unit::seconds, long_launch_and_wait}}};
}

}  // namespace vgpu::bench
