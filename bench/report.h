// SPDX-License-Identifier: Apache-2.0
// The table and the JSON file of a run. Main thread only.
#pragma once

#include <string>
#include <vector>

#include "bench/options.h"
#include "bench/runner.h"

namespace vgpu::bench {

// The table on standard output, then every failure with its reason.
void print_table(const Options& options, const std::vector<RowResult>& results);

// {"driver", "rounds", "rows": [{"row", "unit", "better", "native": {"median", "min", "max", "samples"}, "ours": {...},
// "ratio"}]}; seconds, bytes/s and 1/s, unrounded.
Result<void> write_json(const Options& options, const std::vector<RowResult>& results);

}  // namespace vgpu::bench
