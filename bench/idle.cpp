// SPDX-License-Identifier: Apache-2.0
// Sessions that have nothing to do: what they cost, and how long a side that sleeps takes to wake.
#include <atomic>
#include <thread>

#include "bench/gpu.h"
#include "bench/processor_time.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

using std::chrono::milliseconds;

// Of one processor, all processes of the session together.
Measured<double> idle_share(const Gpu& gpu) {
  TRY(gpu.launch());
  TRY(gpu.synchronize());
  // Both sides spin a little before they sleep.
  std::this_thread::sleep_for(milliseconds(300));
  const std::vector<pid_t> processes = processes_of_session();
  std::this_thread::sleep_for(milliseconds(100));
  const double begin = now(), used = processor_time(processes);
  std::this_thread::sleep_for(milliseconds(2000));
  return (processor_time(processes) - used) / (now() - begin);
}

// A call that always asks the driver, when the worker sleeps.
Measured<double> call_after_rest(const Gpu&) {
  std::vector<double> times;
  for (int i = 0; i < 20; ++i) {
    // Longer than a worker's first, short sleep (ring::kFirstSleep).
    std::this_thread::sleep_for(milliseconds(40));
    size_t available = 0, total = 0;
    const double begin = now();
    CUDA_TRY(cuMemGetInfo(&available, &total));
    times.push_back(now() - begin);
  }
  return median(std::move(times));
}

struct Blocked {
  CUstream stream = nullptr;
  CUdeviceptr word = 0;
};

// From the call that lets the stream go on, made by another thread, to the return of the one that waits.
Measured<double> wake_once(const Gpu& gpu, const Blocked& blocked, unsigned value) {
  CUDA_TRY(cuStreamWaitValue32(blocked.stream, blocked.word, value, CU_STREAM_WAIT_VALUE_EQ));
  double begin = 0;
  CUresult written = CUDA_ERROR_UNKNOWN;
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(20));
    if (cuCtxSetCurrent(gpu.context) != CUDA_SUCCESS) return;
    begin = now();
    written = cuStreamWriteValue32(gpu.stream, blocked.word, value, CU_STREAM_WRITE_VALUE_DEFAULT);
  });
  const CUresult waited = cuStreamSynchronize(blocked.stream);
  const double end = now();
  other.join();
  CUDA_TRY(written);
  CUDA_TRY(waited);
  return end - begin;
}

Measured<double> wake_waiting_thread(const Gpu& gpu) {
  Blocked blocked;
  CUDA_TRY(cuMemAlloc(&blocked.word, 4));
  CUDA_TRY(cuMemsetD32(blocked.word, 0, 1));
  CUDA_TRY(cuStreamCreate(&blocked.stream, CU_STREAM_NON_BLOCKING));
  std::vector<double> times;
  for (unsigned i = 1; i <= 15; ++i) times.push_back(TRY(wake_once(gpu, blocked, i)));
  CUDA_TRY(cuStreamDestroy(blocked.stream));
  CUDA_TRY(cuMemFree(blocked.word));
  return median(std::move(times));
}

}  // namespace

Family idle_family() {
  return {"idle",
          {{"idle session: processor time, all sides", Unit::share, idle_share},
           {"call after 40 ms of rest", Unit::seconds, call_after_rest},
           {"wake-up of a thread that waits", Unit::seconds, wake_waiting_thread}}};
}

}  // namespace vgpu::bench
