// SPDX-License-Identifier: Apache-2.0
// vgpu-bench: the same calls natively and through us, side by side. See --help and bench/README.md.
// The program starts itself to take samples: "--measure FAMILY PATTERN ROUND" is one sample of each row of a family,
// "--first-result" the process whose life one row measures ("--first-result-steps": and where its time goes),
// "--session COUNT" one of many that launch at the same
// time, "--load REMARK" one that loads what another one has loaded.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bench/gate.h"
#include "bench/module.h"
#include "bench/process.h"
#include "bench/report.h"
#include "bench/runner.h"
#include "bench/sessions.h"

namespace {

bool is_good(const vgpu::bench::Samples& samples) {
  return samples.failure.empty() && (!samples.values.empty() || !samples.skipped.empty());
}

bool all_measured(const vgpu::bench::Options& options, const std::vector<vgpu::bench::RowResult>& results) {
  for (const auto& row : results)
    if (!is_good(row.ours) || (!options.here && !is_good(row.native))) return false;
  return true;
}

// 0, or 3 when a bound is broken.
int pass_gate(const vgpu::bench::Bounds& bounds, const std::vector<vgpu::bench::RowResult>& results) {
  const std::vector<std::string> broken = vgpu::bench::broken_bounds(bounds, results);
  for (const std::string& sentence : broken) std::fprintf(stderr, "vgpu-bench: %s\n", sentence.c_str());
  return broken.empty() ? 0 : 3;
}

int run(const vgpu::bench::Options& options) {
  vgpu::bench::Bounds bounds;
  if (!options.gate.empty()) {
    // Before minutes of measuring.
    auto read = vgpu::bench::read_bounds(options.gate);
    if (!read.ok()) {
      std::fprintf(stderr, "vgpu-bench: %s\n", read.error().message.c_str());
      return 2;
    }
    bounds = std::move(read).value();
  }
  const auto results = vgpu::bench::run_all(options);
  if (!results.ok()) {
    std::fprintf(stderr, "vgpu-bench: %s\n", results.error().message.c_str());
    return 2;
  }
  if (results.value().empty()) {
    std::fprintf(stderr, "vgpu-bench: no row matches %s\n", options.rows.c_str());
    return 2;
  }
  vgpu::bench::print_table(options, results.value());
  if (!options.json.empty()) {
    if (const auto written = vgpu::bench::write_json(options, results.value()); !written.ok()) {
      std::fprintf(stderr, "vgpu-bench: %s\n", written.error().message.c_str());
      return 2;
    }
  }
  return all_measured(options, results.value()) ? pass_gate(bounds, results.value()) : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 5 && std::strcmp(argv[1], "--measure") == 0)
    return vgpu::bench::measure_family(argv[2], argv[3], std::atoi(argv[4]));
  if (argc == 2 && std::strcmp(argv[1], "--first-result") == 0) return vgpu::bench::first_result(false);
  if (argc == 2 && std::strcmp(argv[1], "--first-result-steps") == 0) return vgpu::bench::first_result(true);
  if (argc == 3 && std::strcmp(argv[1], "--load") == 0) return vgpu::bench::load_here(argv[2]);
  if (argc == 3 && std::strcmp(argv[1], "--session") == 0) return vgpu::bench::run_session(std::atoi(argv[2]));
  const auto parsed = vgpu::bench::parse_options(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  return run(std::get<vgpu::bench::Options>(parsed));
}
