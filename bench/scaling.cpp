// SPDX-License-Identifier: Apache-2.0
// What one operation costs when there are many of its kind at once, in multiples of its cost when there is one: 1 is
// flat, less means that they help each other along. The single case is measured in the same process.
#include <memory>
#include <optional>
#include <thread>

#include "bench/gpu.h"
#include "bench/launching_threads.h"
#include "bench/sessions.h"
#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

constexpr int kLaunches = 16384;  // of all threads or streams together

// Seconds per launch of `threads` threads, each on a stream of its own.
Measured<double> launch_from_threads(const Gpu& gpu, int threads) {
  return 1 / TRY(launches_per_second(gpu, threads, kLaunches));
}

Measured<double> launch_in_turn(const Gpu& gpu, const std::vector<CUstream>& streams) {
  const double begin = now();
  for (int i = 0; i < kLaunches; ++i) TRY(gpu.launch(streams[static_cast<size_t>(i) % streams.size()]));
  for (const CUstream stream : streams) CUDA_TRY(cuStreamSynchronize(stream));
  return (now() - begin) / kLaunches;
}

// Seconds per launch of one thread that takes `count` streams in turn.
Measured<double> launch_over_streams(const Gpu& gpu, int count) {
  std::vector<CUstream> streams(static_cast<size_t>(count));
  for (CUstream& stream : streams) {
    CUDA_TRY(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    TRY(gpu.launch(stream));
  }
  for (const CUstream stream : streams) CUDA_TRY(cuStreamSynchronize(stream));
  const double seconds = TRY(launch_in_turn(gpu, streams));
  for (const CUstream stream : streams) CUDA_TRY(cuStreamDestroy(stream));
  return seconds;
}

using Cost = Measured<double> (*)(const Gpu&, int);

struct Scale {
  const char* name;
  Cost cost;
  std::vector<int> counts;
  int rounds;
};

// Rows of one process share the cost of the single case.
Measured<double> relative_cost(const Gpu& gpu, const Scale& scale, int count, std::optional<double>& single) {
  if (!single) single = TRY(scale.cost(gpu, 1));
  return TRY(scale.cost(gpu, count)) / *single;
}

void add_rows(Family& family, const Scale& scale) {
  const auto single = std::make_shared<std::optional<double>>();
  for (const int count : scale.counts)
    family.rows.push_back({"cost of a launch, " + std::to_string(count) + " " + scale.name, Unit::multiples,
                           [scale, count, single](const Gpu& gpu) { return relative_cost(gpu, scale, count, *single); },
                           scale.rounds});
}

}  // namespace

Family scaling_family() {
  Family family = {"scaling", {}};
  add_rows(family, {"threads", launch_from_threads, {4, 16, 64}, kEveryRound});
  add_rows(family, {"streams", launch_over_streams, {4, 16, 64, 256}, kEveryRound});
  return family;
}

Family session_family() {
  Family family = {.name = "sessions", .rows = {}, .takes_long = true};
  add_rows(family, {"sessions", launch_from_sessions, {4, 16, 64}, 2});
  return family;
}

}  // namespace vgpu::bench
