// SPDX-License-Identifier: Apache-2.0
// Gate: bounds from a file, so that a slower change is noticed. A line is a number and the name of a row; text after #
// is a remark. A plain number bounds the ratio; one with a unit (ns, us, ms, s, x, %, /s) bounds what was measured
// through us. Where less is better it may be at most the bound, else at least. Main thread only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/runner.h"

namespace vgpu::bench {

struct Bound {
  double value = 0;
  bool of_ours = false;  // of what was measured through us, in the row's base unit; else of the ratio
};
using Bounds = std::map<std::string, Bound>;

// The error names the line.
Result<Bounds> read_bounds(const std::string& file);

// A sentence for each row that breaks its bound, and for each that has one and was not measured.
std::vector<std::string> broken_bounds(const Bounds& bounds, const std::vector<RowResult>& results);

}  // namespace vgpu::bench
