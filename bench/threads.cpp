// SPDX-License-Identifier: Apache-2.0
// Launching threads, each on a stream of its own: launches per second of all of them together.
#include <atomic>
#include <optional>
#include <thread>

#include "bench/gpu.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

constexpr int kLaunches = 16000;  // of all threads together

Measured<void> launch_many(const Gpu& gpu, int count, const std::atomic<bool>& go) {
  CUDA_TRY(cuCtxSetCurrent(gpu.context));
  CUstream stream = nullptr;
  CUDA_TRY(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  while (!go.load(std::memory_order_acquire)) std::this_thread::yield();
  for (int i = 0; i < count; ++i) TRY(gpu.launch(stream));
  CUDA_TRY(cuStreamSynchronize(stream));
  CUDA_TRY(cuStreamDestroy(stream));
  return {};
}

Measured<double> sustained(const Gpu& gpu, int threads) {
  std::atomic<bool> go{false};
  std::vector<std::optional<Failure>> failures(static_cast<size_t>(threads));
  std::vector<std::thread> running;
  for (auto& failure : failures)
    running.emplace_back([&] {
      const auto result = launch_many(gpu, kLaunches / threads, go);
      if (!result.ok()) failure = result.error();
    });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const double begin = now();
  go.store(true, std::memory_order_release);
  for (std::thread& thread : running) thread.join();
  const double seconds = now() - begin;
  for (const auto& failure : failures)
    if (failure) return *failure;
  return kLaunches / seconds;
}

}  // namespace

Family thread_family() {
  Family family = {"threads", {}};
  for (const int threads : {1, 2, 4, 8})
    family.rows.push_back({"launches, " + std::to_string(threads) + (threads == 1 ? " thread" : " threads"),
                           Unit::launches_per_second, [threads](const Gpu& gpu) { return sustained(gpu, threads); }});
  return family;
}

}  // namespace vgpu::bench
