// SPDX-License-Identifier: Apache-2.0
#include "bench/gate.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

struct Suffix {
  const char* text;
  double factor;
};
constexpr Suffix kSuffixes[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"x", 1}, {"%", 0.01}, {"/s", 1}};

// "1.15" is a ratio; with a unit, "100us", it is a bound of our own figure.
bool parse_bound(const std::string& word, Bound& out) {
  char* end = nullptr;
  out.value = std::strtod(word.c_str(), &end);
  if (end == word.c_str() || !(out.value > 0)) return false;
  if (*end == '\0') return true;
  for (const Suffix& suffix : kSuffixes) {
    if (std::strcmp(end, suffix.text) != 0) continue;
    out.value *= suffix.factor;
    out.of_ours = true;
    return true;
  }
  return false;
}

// Empty when the bound holds.
std::string judge(const RowResult& row, const Bound& bound) {
  if (row.ours.values.empty() || (!bound.of_ours && row.native.values.empty())) return row.name + ": not measured";
  double figure = median(row.ours.values);
  if (!bound.of_ours) figure /= median(row.native.values);
  const bool less = less_is_better(row.unit);
  // Not a number is no good, either way.
  if (less ? figure <= bound.value : figure >= bound.value) return "";
  return fmt::format("{}: {} {:.3g}, the bound is {} {:.3g}", row.name, bound.of_ours ? "through us" : "ratio", figure,
                     less ? "at most" : "at least", bound.value);
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
    std::string word, name;
    Bound bound;
    if (!(words >> word) || !parse_bound(word, bound) || !std::getline(words, name) || trimmed(name).empty())
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
