// SPDX-License-Identifier: Apache-2.0
#include "bench/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "bench/stopwatch.h"

namespace vgpu::bench {
namespace {

struct Scale {
  double factor;
  const char* name;
};

constexpr Scale kSeconds[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}};
constexpr Scale kBytes[] = {{1e9, "GB/s"}, {1e6, "MB/s"}, {1e3, "kB/s"}};
constexpr Scale kMultiples[] = {{1, "x"}};
constexpr Scale kShares[] = {{0.01, "%"}};
constexpr Scale kRates[] = {{1e9, "G/s"}, {1e6, "M/s"}, {1e3, "k/s"}, {1, "/s"}};

// The scale in which the value has one to three digits before the point.
Scale scale_for(Unit unit, double value) {
  const auto pick = [value](const auto& scales) {
    const auto* const found =
        std::find_if(std::begin(scales), std::end(scales), [value](const Scale& s) { return value >= s.factor; });
    return found == std::end(scales) ? *(std::end(scales) - 1) : *found;
  };
  switch (unit) {
    case Unit::seconds: return pick(kSeconds);
    case Unit::bytes_per_second: return pick(kBytes);
    case Unit::launches_per_second:
    case Unit::steps_per_second:
    case Unit::operations_per_second: return pick(kRates);
    case Unit::multiples: return pick(kMultiples);
    case Unit::share: return pick(kShares);
  }
  return {1, ""};
}

const char* base_unit(Unit unit) {
  switch (unit) {
    case Unit::seconds: return "s";
    case Unit::bytes_per_second: return "B/s";
    case Unit::launches_per_second: return "launches/s";
    case Unit::operations_per_second: return "operations/s";
    case Unit::steps_per_second: return "steps/s";
    case Unit::multiples: return "x";
    case Unit::share: return "1";
  }
  return "";
}

// Three digits.
std::string number(double value) {
  const int before = value >= 1 ? static_cast<int>(std::floor(std::log10(value))) + 1 : 1;
  return fmt::format("{:.{}f}", value, std::max(0, 3 - before));
}

std::string middle(const Samples& samples, Unit unit) {
  if (samples.values.empty()) return !samples.failure.empty() ? "failed" : samples.skipped.empty() ? "lost" : "skipped";
  const double value = median(samples.values);
  const Scale scale = scale_for(unit, value);
  return number(value / scale.factor) + " " + scale.name;
}

// Least and greatest sample, in the unit of the median.
std::string spread(const Samples& samples, Unit unit) {
  if (samples.values.empty()) return "-";
  const Scale scale = scale_for(unit, median(samples.values));
  const auto [least, most] = std::minmax_element(samples.values.begin(), samples.values.end());
  return number(*least / scale.factor) + " - " + number(*most / scale.factor);
}

// An idle process's share of a processor may be nothing at all.
bool has_ratio(const RowResult& row) {
  return !row.native.values.empty() && !row.ours.values.empty() && median(row.native.values) > 0;
}

double ratio(const RowResult& row) { return median(row.ours.values) / median(row.native.values); }

std::string json_side(const Samples& samples) {
  if (samples.values.empty()) return "null";
  const auto [least, most] = std::minmax_element(samples.values.begin(), samples.values.end());
  std::string list;
  for (const double value : samples.values) list += (list.empty() ? "" : ", ") + fmt::format("{:.9g}", value);
  return fmt::format("{{\"median\": {:.9g}, \"min\": {:.9g}, \"max\": {:.9g}, \"samples\": [{}]}}",
                     median(samples.values), *least, *most, list);
}

}  // namespace

namespace {

void print_reasons(const RowResult& row, const char* side, const Samples& samples) {
  if (!samples.failure.empty()) fmt::print("\n{}, {}: {}", row.name, side, samples.failure);
  if (!samples.skipped.empty()) fmt::print("\n{}, {}: skipped: {}", row.name, side, samples.skipped);
}

void print_one_side(const Options& options, const std::vector<RowResult>& results) {
  constexpr const char* kLine = "{:<44} {:>11} {:<5} {:>17}\n";
  fmt::print("this system's libcuda.so.1, {} rounds\n\n", options.rounds);
  fmt::print(kLine, "row", "median", "best", "min - max");
  for (const RowResult& row : results)
    fmt::print(kLine, row.name, middle(row.ours, row.unit), less_is_better(row.unit) ? "less" : "more",
               spread(row.ours, row.unit));
}

void print_both_sides(const Options& options, const std::vector<RowResult>& results) {
  constexpr const char* kLine = "{:<44} {:>11} {:>11} {:>7} {:<5} {:>17} {:>17}\n";
  fmt::print("driver: {}, {} rounds; ratio = through us / native\n\n", options.driver, options.rounds);
  fmt::print(kLine, "row", "native", "through us", "ratio", "best", "native min - max", "through us");
  for (const RowResult& row : results)
    fmt::print(kLine, row.name, middle(row.native, row.unit), middle(row.ours, row.unit),
               has_ratio(row) ? number(ratio(row)) : "-", less_is_better(row.unit) ? "less" : "more",
               spread(row.native, row.unit), spread(row.ours, row.unit));
}

}  // namespace

void print_table(const Options& options, const std::vector<RowResult>& results) {
  if (options.here) print_one_side(options, results);
  else print_both_sides(options, results);
  for (const RowResult& row : results) {
    print_reasons(row, "native", row.native);
    print_reasons(row, "through us", row.ours);
  }
  fmt::print("\n");
}

Result<void> write_json(const Options& options, const std::vector<RowResult>& results) {
  std::ofstream file(options.json);
  file << fmt::format("{{\"driver\": \"{}\", \"rounds\": {}, \"rows\": [", options.driver, options.rounds);
  const char* separator = "\n";
  for (const RowResult& row : results) {
    file << separator
         << fmt::format(
                "  {{\"row\": \"{}\", \"unit\": \"{}\", \"better\": \"{}\", \"ratio\": {},\n   \"native\": {},\n   "
                "\"ours\": {}}}",
                row.name, base_unit(row.unit), less_is_better(row.unit) ? "less" : "more",
                has_ratio(row) ? fmt::format("{:.4g}", ratio(row)) : "null", json_side(row.native),
                json_side(row.ours));
    separator = ",\n";
  }
  file << "\n]}\n";
  file.close();
  if (!file) return Error{"cannot write " + options.json};
  return {};
}

}  // namespace vgpu::bench
