// SPDX-License-Identifier: Apache-2.0
// Runner: takes the samples. For each family, round after round, one fresh process natively and one through us; the
// sides alternate within a round, so that whatever else the machine does meets both. Main thread only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/options.h"
#include "bench/row.h"

namespace vgpu::bench {

enum class Side { native, ours };

struct Samples {
  std::vector<double> values;
  std::string failure;  // of the last sample that failed
  std::string skipped;  // why there is none here
};

struct RowResult {
  std::string name;
  Unit unit;
  Samples native, ours;
};

// Measures what the options ask for; the error says what is missing or could not be started. With `options.here` only
// on the libcuda.so.1 that this process's environment names, which counts as ours.
Result<std::vector<RowResult>> run_all(const Options& options);

// The process that takes the samples of one family: prints a line per row, "name<TAB>value" or
// "name<TAB>!<TAB>reason" when it failed, or "name<TAB>-<TAB>reason" when it is skipped. The exit status.
int measure_family(const std::string& family, const std::string& pattern, int round);

}  // namespace vgpu::bench
