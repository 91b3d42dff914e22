// SPDX-License-Identifier: Apache-2.0
// Launching threads, each on a stream of its own: launches per second of all of them together.
#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "bench/launching_threads.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

struct Launcher {
  std::thread thread;
  std::optional<Failure> failure;
  double end = 0;  // when its last launch was done
};

// All threads begin at once, when each has its stream.
struct Start {
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
};

Measured<double> launch_many(const Gpu& gpu, int count, CUstream stream) {
  for (int i = 0; i < count; ++i) TRY(gpu.launch(stream));
  CUDA_TRY(cuStreamSynchronize(stream));
  return now();
}

Measured<double> run(const Gpu& gpu, int count, Start& start) {
  CUstream stream = nullptr;
  CUresult status = cuCtxSetCurrent(gpu.context);
  if (status == CUDA_SUCCESS) status = cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING);
  // Others wait for this one, whatever happened to it.
  start.ready.fetch_add(1);
  CUDA_TRY(status);
  while (!start.go.load(std::memory_order_acquire)) std::this_thread::yield();
  const double end = TRY(launch_many(gpu, count, stream));
  CUDA_TRY(cuStreamDestroy(stream));
  return end;
}

}  // namespace

Measured<double> launches_per_second(const Gpu& gpu, int threads, int launches) {
  Start start;
  std::vector<Launcher> launchers(static_cast<size_t>(threads));
  for (Launcher& launcher : launchers)
    launcher.thread = std::thread([&] {
      const auto end = run(gpu, launches / threads, start);
      if (end.ok()) launcher.end = end.value();
      else launcher.failure = end.error();
    });
  while (start.ready.load() != threads) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double begin = now();
  start.go.store(true, std::memory_order_release);
  for (Launcher& launcher : launchers) launcher.thread.join();
  double end = begin;
  for (const Launcher& launcher : launchers) {
    if (launcher.failure) return *launcher.failure;
    end = std::max(end, launcher.end);
  }
  return launches / (end - begin);
}

Family thread_family() {
  constexpr int kLaunches = 16000;
  Family family = {"threads", {}};
  for (const int threads : {1, 2, 4, 8})
    family.rows.push_back({"launches, " + std::to_string(threads) + (threads == 1 ? " thread" : " threads"),
                           Unit::launches_per_second,
                           [threads](const Gpu& gpu) { return launches_per_second(gpu, threads, kLaunches); }});
  return family;
}

}  // namespace vgpu::bench
