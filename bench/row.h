// SPDX-License-Identifier: Apache-2.0
// Row: one line of the benchmark, and Family: the rows that one file measures. A row takes one sample per call; the
// runner repeats it in fresh processes, natively and through us in turn. Everything here is used from the main thread.
#pragma once

#include <cuda.h>

#include <functional>
#include <string>
#include <vector>

#include "common/result.h"

namespace vgpu::bench {

// A call that failed: its text and what it returned. Or why a row cannot be measured here, which is no failure.
struct Failure {
  const char* call;
  CUresult code;
  bool skipped = false;

  static Failure skip(const char* reason) { return {reason, CUDA_SUCCESS, true}; }
};
template <class T>
using Measured = Result<T, Failure>;

enum class Unit {
  seconds,
  bytes_per_second,
  launches_per_second,
  operations_per_second,
  steps_per_second,
  multiples,  // of another row's cost
  share,      // of one processor; 1 is all of it
};
constexpr bool less_is_better(Unit unit) {
  return unit == Unit::seconds || unit == Unit::multiples || unit == Unit::share;
}

struct Gpu;

constexpr int kEveryRound = 1 << 30;

struct Row {
  std::string name;
  Unit unit;
  std::function<Measured<double>(const Gpu&)> measure;
  int rounds = kEveryRound;  // rows that move much take part in the first few rounds only
};

struct Family {
  const char* name;
  std::vector<Row> rows;
  // The whole run, the worker included, gets one processor: its figures are per core.
  bool one_processor = false;
  // Further options of vgpu-run, or rather of its daemon.
  std::vector<std::string> run_options = {};
  // Takes minutes on a card: measured with --long, or when its rows are asked for.
  bool takes_long = false;
};

// Every family, in the order of the table.
std::vector<Family> families();

Family launch_family();
Family query_family();
Family memory_family();
Family copy_family();
Family module_family();
Family graph_family();
Family thread_family();
Family process_family();
Family prestarted_family();
Family ready_context_family();
Family decode_family();
Family idle_family();
Family scaling_family();
Family session_family();
Family large_copy_family();
Family device_node_family();
Family machine_family();
Family runtime_family();

}  // namespace vgpu::bench

// Returns the failure from the calling function unless the CUDA call succeeds.
#define CUDA_TRY(...)                                                              \
  do {                                                                             \
    if (const CUresult vgpu_status_ = (__VA_ARGS__); vgpu_status_ != CUDA_SUCCESS) \
      return ::vgpu::bench::Failure{#__VA_ARGS__, vgpu_status_};                   \
  } while (0)
