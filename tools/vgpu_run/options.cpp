// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_run/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string_view>

#include "common/version.h"
#include "tools/vgpu_run/private_daemon.h"

namespace vgpu::run {
namespace {

constexpr const char* kDescription =
    "vgpu-run runs a program with a virtual GPU: it starts a vgpud of its own, runs the program against it, and "
    "leaves\n"
    "nothing behind. The program needs no change; it may use CUDA through any library that loads libcuda.so.1.";
constexpr const char* kFooter =
    "For the program only, LD_LIBRARY_PATH begins with our libcuda.so.1 and VGPU_SOCKET names the daemon.\n"
    "Signals that somebody sends to vgpu-run are passed on to the program.\n"
    "Exit status: the program's; 128+N when signal N ended it; 125 when vgpu-run itself fails; 126 when the program\n"
    "cannot be executed; 127 when it is not found.\n"
    "Example: vgpu-run --driver soft --stats -- ./vectorAdd";
constexpr std::string_view kWithValue[] = {"--driver", "--memory-limit", "--prestart", "--ready-contexts",
                                           "--log",    "--worker",       "--trace"};

struct Manual : CLI::Formatter {
  std::string make_usage(const CLI::App*, std::string) const override {
    return "Usage: vgpu-run [OPTIONS] [--] PROGRAM [ARGUMENTS]\n";
  }
};

// How many words of argv belong to us.
int own_words(int argc, char** argv) {
  int at = 1;
  while (at < argc) {
    const std::string_view word = argv[at];
    if (word == "--" || word.empty() || word.front() != '-') break;
    const bool has_value = std::find(std::begin(kWithValue), std::end(kWithValue), word) != std::end(kWithValue);
    at += has_value && at + 1 < argc ? 2 : 1;
  }
  return at;
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  CLI::App app(kDescription, "vgpu-run");
  app.formatter(std::make_shared<Manual>());
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("vgpu-run ") + kVersion);
  std::string driver, limit, prestart, contexts, level, worker, trace;
  Options options;
  app.add_option("--driver", driver,
                 "soft: the software GPU; nvidia: NVIDIA's driver; auto: NVIDIA's if it finds a GPU, else soft;\n"
                 "or the path of a CUDA driver library (default auto)")
      ->type_name("NAME|PATH");
  app.add_option("--memory-limit", limit, "device memory that the program may use, for example 4G")->type_name("SIZE");
  app.add_option("--prestart", prestart, "workers kept ready for the processes that the program starts (default 0)")
      ->type_name("N")
      ->check(CLI::Range(0u, 64u).description(""));
  app.add_option("--ready-contexts", contexts,
                 "how many of these have the first GPU's primary context made already; each takes some 500 MiB of "
                 "device\nmemory while it waits (default 0)")
      ->type_name("N")
      ->check(CLI::Range(0u, 64u).description(""));
  app.add_flag("--stats", options.statistics, "say at the end what the program's GPU did, on standard error");
  app.add_option("--trace", trace,
                 "a file for the program's calls, from the first one on, as vgpu-smi trace prints them")
      ->type_name("FILE");
  bool no_launch_graphs = false;
  app.add_flag(
      "--no-launch-graphs", no_launch_graphs,
      "give each launch of a kernel to the driver by itself, also where the program repeats them; for debugging");
  app.add_option("--log", level, "off, error, warn, info or debug, for vgpud and its worker (default warn)")
      ->type_name("LEVEL");
  app.add_option("--worker", worker, "the worker's executable (default: vgpu-worker beside vgpud)")->type_name("PATH");

  int own = own_words(argc, argv);
  // CLI11 speaks in exceptions; none leaves this function.
  try {
    app.parse(own, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kOwnFailure;
  }
  if (own < argc && std::string_view(argv[own]) == "--") ++own;
  if (own >= argc) {
    std::cerr << "vgpu-run: which program? Try vgpu-run --help\n";
    return kOwnFailure;
  }
  // The tool beside us starts the program then, and ends as it does.
  if (!trace.empty()) options.command = {own_directory() + "/vgpu-smi", "trace", "--output", trace, "--"};
  options.command.insert(options.command.end(), argv + own, argv + argc);
  const std::pair<const char*, std::string*> passed_on[] = {{"--driver", &driver},     {"--memory-limit", &limit},
                                                            {"--prestart", &prestart}, {"--ready-contexts", &contexts},
                                                            {"--log", &level},         {"--worker", &worker}};
  for (const auto& [name, value] : passed_on) {
    if (value->empty()) continue;
    options.daemon_options.emplace_back(name);
    options.daemon_options.push_back(*value);
  }
  if (no_launch_graphs) options.daemon_options.emplace_back("--no-launch-graphs");
  return options;
}

}  // namespace vgpu::run
