// SPDX-License-Identifier: Apache-2.0
#include "bench/options.h"

#include <fnmatch.h>

#include <CLI/CLI.hpp>

namespace vgpu::bench {
namespace {

constexpr const char* kDescription =
    "vgpu-bench runs the same calls of the CUDA driver API natively and through the virtual GPU, in turn, and prints\n"
    "one table: medians of both sides, their ratio, and the least and the greatest sample.";
constexpr const char* kFooter =
    "Each sample comes from a fresh process. A ratio is ours / native: for times, less is better; for bandwidths and\n"
    "rates, more is. The exit status is 1 when a call failed, 2 when there was no run, and with --gate 3 when a bound "
    "is\n"
    "broken; without it nothing passes or fails by its time.\n"
    "Example: vgpu-bench --rows 'copy*pinned' --rounds 3 --json copies.json";

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  CLI::App app(kDescription, "vgpu-bench");
  app.footer(kFooter);
  Options options;
  app.add_option("--driver", options.driver,
                 "soft: the software GPU on both sides (default); nvidia: this system's libcuda.so.1")
      ->check(CLI::IsMember({"soft", "nvidia"}));
  app.add_option("--rows", options.rows,
                 "only rows whose name contains this, also those of --long; * and ? match as in a shell")
      ->type_name("PATTERN");
  app.add_flag("--long", options.takes_long,
               "also what takes minutes: copies of up to 16 GiB, up to 64 sessions at once");
  app.add_option("--rounds", options.rounds, "samples of each side (default 7)")->check(CLI::Range(1, 1000));
  app.add_flag("--here", options.here,
               "measure only the libcuda.so.1 that a program gets here, as in a guest; there are no ratios");
  app.add_option("--gate", options.gate, "exit with 3 when a ratio breaks its bound in this file")->type_name("FILE");
  app.add_option("--json", options.json, "write all samples to this file, too")->type_name("FILE");
  // CLI11 speaks in exceptions; none leaves this function.
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return options;
}

bool is_wanted(const std::string& pattern, const std::string& row) {
  return fnmatch(("*" + pattern + "*").c_str(), row.c_str(), 0) == 0;
}

}  // namespace vgpu::bench
