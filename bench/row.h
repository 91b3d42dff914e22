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

// A call that failed: its text and what it returned.
struct Failure {
  const char* call;
  CUresult code;
};
template <class T>
using Measured = Result<T, Failure>;

enum class Unit { seconds, bytes_per_second, launches_per_second, operations_per_second };
constexpr bool less_is_better(Unit unit) { return unit == Unit::seconds; }

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
Family machine_family();
Family runtime_family();

}  // namespace vgpu::bench

// Returns the failure from the calling function unless the CUDA call succeeds.
#define CUDA_TRY(...)                                                              \
  do {                                                                             \
    if (const CUresult vgpu_status_ = (__VA_ARGS__); vgpu_status_ != CUDA_SUCCESS) \
      return ::vgpu::bench::Failure{#__VA_ARGS__, vgpu_status_};                   \
  } while (0)
