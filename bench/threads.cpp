// SPDX-License-Identifier: Apache-2.0
// Threads side by side, each on a stream of its own: what all of them do together in a second.
#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#include "bench/launching_threads.h"
#include "bench/long_kernel.h"
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

// What a thread does; it returns when all of it is done.
using Work = std::function<Measured<void>(CUstream)>;

Measured<double> run(const Gpu& gpu, const Work& work, Start& start) {
  CUstream stream = nullptr;
  CUresult status = cuCtxSetCurrent(gpu.context);
  if (status == CUDA_SUCCESS) status = cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING);
  // Others wait for this one, whatever happened to it.
  start.ready.fetch_add(1);
  CUDA_TRY(status);
  while (!start.go.load(std::memory_order_acquire)) std::this_thread::yield();
  TRY(work(stream));
  const double end = now();
  CUDA_TRY(cuStreamDestroy(stream));
  return end;
}

// Seconds until the last thread is done.
Measured<double> time_together(const Gpu& gpu, int threads, const Work& work) {
  Start start;
  std::vector<Launcher> launchers(static_cast<size_t>(threads));
  for (Launcher& launcher : launchers)
    launcher.thread = std::thread([&] {
      const auto end = run(gpu, work, start);
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
  return end - begin;
}

// How many kernels of two milliseconds, each waited for by its thread, are done in a second.
Measured<double> long_launches_per_second(const Gpu& gpu, int threads) {
  constexpr int kEach = 20;
  const LongKernel kernel = TRY(LongKernel::load());
  const Work work = [&](CUstream stream) -> Measured<void> {
    for (int i = 0; i < kEach; ++i) TRY(kernel.launch_and_wait(stream));
    return {};
  };
  const double seconds = TRY(time_together(gpu, threads, work));
  return threads * kEach / seconds;
}

}  // namespace

Measured<double> launches_per_second(const Gpu& gpu, int threads, int launches) {
  const Work work = [&](CUstream stream) -> Measured<void> {
    for (int i = 0; i < launches / threads; ++i) TRY(gpu.launch(stream));
    CUDA_TRY(cuStreamSynchronize(stream));
    return {};
  };
  const double seconds = TRY(time_together(gpu, threads, work));
  return launches / seconds;
}

Family thread_family() {
  constexpr int kLaunches = 16000;
  Family family = {"threads", {}};
  for (const int threads : {1, 2, 4, 8})
    family.rows.push_back({"launches, " + std::to_string(threads) + (threads == 1 ? " thread" : " threads"),
                           Unit::launches_per_second,
                           [threads](const Gpu& gpu) { return launches_per_second(gpu, threads, kLaunches); }});
  // More threads than a process has queues of the device.
  for (const int threads : {8, 16})
    family.rows.push_back({"launch of 2 ms + wait, " + std::to_string(threads) + " threads", Unit::launches_per_second,
                           [threads](const Gpu& gpu) { return long_launches_per_second(gpu, threads); }});
  return family;
}

}  // namespace vgpu::bench
