// SPDX-License-Identifier: Apache-2.0
#include "bench/gate.h"

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string judge(const RowResult& row, double bound) {
  if (row.native.values.empty() || row.ours.values.empty()) return row.name + ": not measured";
  const double ratio = median(row.ours.values) / median(row.native.values);
  const bool less = less_is_better(row.unit);
  if (less ? ratio <= bound : ratio >= bound) return "";
  return fmt::format("{}: ratio {:.2f}, the bound is {} {:.2f}", row.name, ratio, less ? "at most" : "at least", bound);
}

}  // namespace

Result<Bounds> read_bounds(const std::string& file) {
  std::ifstream in(file);
  if (!in) return Error{file + " cannot be read"};
  Bounds bounds;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    std::istringstream words(line);
    double bound = 0;
    std::string name;
    if (!(words >> bound) || bound <= 0 || !std::getline(words, name) || trimmed(name).empty())
      return Error{fmt::format("{}:{}: not a bound and the name of a row", file, number)};
    bounds[trimmed(name)] = bound;
  }
  return bounds;
}

std::vector<std::string> broken_bounds(const Bounds& bounds, const std::vector<RowResult>& results) {
  std::vector<std::string> broken;
  for (const auto& entry : bounds) {
    const std::string& name = entry.first;
    const auto row = std::find_if(results.begin(), results.end(), [&](const RowResult& r) { return r.name == name; });
    const std::string verdict =
        row == results.end() ? name + ": there is no such row in this run" : judge(*row, entry.second);
    if (!verdict.empty()) broken.push_back(verdict);
  }
  return broken;
}

}  // namespace vgpu::bench
