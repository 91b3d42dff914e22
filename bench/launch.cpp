// SPDX-License-Identifier: Apache-2.0
// Launches of an empty kernel with eight parameters, and of one that takes two milliseconds.
#include "bench/gpu.h"
#include "bench/long_kernel.h"
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

Measured<double> long_launch_and_wait(const Gpu& gpu) {
  const LongKernel kernel = TRY(LongKernel::load());
  return median_time(50, [&] { return kernel.launch_and_wait(gpu.stream); });
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
