// SPDX-License-Identifier: Apache-2.0
// Time: seconds of the monotonic clock, and the two ways in which rows sum up repeated work. Thread-safe.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

#include "bench/row.h"

namespace vgpu::bench {

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Seconds of one call of `work`, the median of `count` that are timed one by one.
template <class Work>
Measured<double> median_time(int count, Work work) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const double begin = now();
    TRY(work());
    times.push_back(now() - begin);
  }
  return median(std::move(times));
}

// Seconds per call of `work`, the mean of `count` that are timed together: for calls close to the clock's own cost.
template <class Work>
Measured<double> mean_time(int count, Work work) {
  const double begin = now();
  for (int i = 0; i < count; ++i) TRY(work());
  return (now() - begin) / count;
}

}  // namespace vgpu::bench
