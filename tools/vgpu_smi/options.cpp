// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <string_view>
#include <vector>

#include "common/version.h"
#include "tools/vgpu_smi/exit_code.h"
#include "tools/vgpu_smi/list_query.h"

namespace vgpu::smi {
namespace {

constexpr const char* kDescription =
    "vgpu-smi shows the GPU that this machine or VM has, and who uses it. Without options: a table of cards and "
    "processes.";
constexpr const char* kFooter =
    "Exit status: 0; 2 for a wrong argument; 3 for what is not available; 4 without permission; 6 when there is no "
    "such\n"
    "GPU; 9 when no driver is loaded; 12 without libnvidia-ml.so.1; 15 when the GPU is lost; 255 otherwise. doctor: 1\n"
    "when it found a problem.\n"
    "Examples:\n"
    "  vgpu-smi --query-gpu=name,memory.used --format=csv,noheader,nounits\n"
    "  vgpu-smi -q -d MEMORY,UTILIZATION -x\n"
    "  vgpu-smi dmon -s pum -c 10\n"
    "  vgpu-smi doctor";
// Options of the known tool that change a card. What they would need is said instead.
constexpr std::string_view kChanging[] = {"-pm",  "--persistence-mode",
                                          "-e",   "--ecc-config",
                                          "-p",   "--reset-ecc-errors",
                                          "-c",   "--compute-mode",
                                          "-r",   "--gpu-reset",
                                          "-ac",  "--applications-clocks",
                                          "-rac", "--reset-applications-clocks",
                                          "-pl",  "--power-limit",
                                          "-am",  "--accounting-mode",
                                          "-caa", "--clear-accounted-apps",
                                          "-mig", "--multi-instance-gpu",
                                          "-gtt", "--gpu-target-temp",
                                          "-lgc", "--lock-gpu-clocks",
                                          "-rgc", "--reset-gpu-clocks",
                                          "-lmc", "--lock-memory-clocks",
                                          "-rmc", "--reset-memory-clocks",
                                          "-acp", "--auto-boost-default",
                                          "-vm",  "--virt-mode"};

// Commands of the known tool that are not here: what they show does not reach a VM, or is the owner's to change.
constexpr std::string_view kOthersCommands[] = {
    "boost-slider", "c2c",   "clocks",          "compute-policy",  "conf-compute",
    "daemon",       "drain", "encodersessions", "fbcsessions",     "gpm",
    "mig",          "pci",   "power-profiles",  "power-smoothing", "prm",
    "replay",       "vgpu"};

// What CLI11 cannot read: -lms, and short options with an equals sign.
std::vector<std::string> plain_words(int argc, char** argv) {
  std::vector<std::string> words;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "-lms") words.emplace_back("--loop-ms");
    else if (word.starts_with("-lms=")) words.push_back("--loop-ms" + word.substr(4));
    else if (word.size() > 3 && word[0] == '-' && word[1] != '-' && word[2] == '=')
      words.insert(words.end(), {word.substr(0, 2), word.substr(3)});
    else words.push_back(word);
  }
  return words;
}

std::string_view find_changing(const std::vector<std::string>& words, bool has_command) {
  // -c and others mean something else behind a command.
  if (has_command) return "";
  for (const std::string& word : words) {
    const std::string_view name = std::string_view(word).substr(0, word.find('='));
    const auto* const found = std::find(std::begin(kChanging), std::end(kChanging), name);
    if (found != std::end(kChanging)) return *found;
  }
  return "";
}

struct Raw {
  bool list = false, inspect = false, host = false, help_gpu = false, help_processes = false;
  std::string query_gpu, query_processes, query_list;
  bool counted = false;  // of flags that are looked for by name
  std::string loop;
  unsigned int loop_ms = 0;
  double delay = 1;
};

void add_common(CLI::App& app, Options& options) { app.add_flag("--json", options.json, "print JSON instead of text"); }

void add_options(CLI::App& app, Options& options, Raw& raw) {
  add_common(app, options);
  app.add_flag("-L,--list-gpus", raw.list, "a line for each GPU, with its UUID");
  app.add_option("-i,--id", options.cards, "only these: indices, UUIDs, PCI addresses or serial numbers")
      ->type_name("GPU,...");
  app.add_flag("-q,--query", raw.inspect, "all that is known about each GPU");
  app.add_flag("-x,--xml-format", options.xml, "with -q: as XML");
  app.add_option("-d,--display", options.sections, "with -q: only these sections, such as MEMORY,UTILIZATION")
      ->type_name("SECTION,...");
  app.add_option("--query-gpu", raw.query_gpu, "these properties, a line for each GPU; see --help-query-gpu")
      ->type_name("FIELD,...")
      ->expected(0, 1);
  app.add_option("--query-compute-apps", raw.query_processes,
                 "these properties, a line for each process; see --help-query-compute-apps")
      ->type_name("FIELD,...")
      ->expected(0, 1);
  app.add_option("--format", options.format, "of a query: csv[,noheader][,nounits]")->type_name("FORMAT");
  for (const char* name : kListQueries) {
    app.add_option(std::string("--") + name, raw.query_list, "a line for each; see --help-" + std::string(name))
        ->type_name("FIELD,...")
        ->expected(0, 1);
    app.add_flag("--help-" + std::string(name), raw.counted, "the properties that it knows");
  }
  app.add_flag("--help-query-gpu", raw.help_gpu, "the properties that --query-gpu knows");
  app.add_flag("--help-query-compute-apps", raw.help_processes, "the properties that --query-compute-apps knows");
  app.add_option("-l,--loop", raw.loop, "again every SEC seconds (5 without a number), until stopped")
      ->type_name("SEC")
      ->expected(0, 1);
  app.add_option("--loop-ms", raw.loop_ms, "again every MS milliseconds; -lms is the same")
      ->type_name("MS")
      ->check(CLI::Range(1u, 1'000'000'000u).description(""));
  app.add_option("-f,--filename", options.file, "write to this file")->type_name("FILE");
  app.add_flag("--host", raw.host, "on the host: all VMs and programs of vgpud, and what they use");
  app.add_option("--socket", options.socket, "vgpud's socket, for --host and stats (default $VGPU_SOCKET)")
      ->type_name("PATH");
}

CLI::App* add_monitor(CLI::App& app, Options& options, Raw& raw, const char* name, const char* what,
                      const char* kinds) {
  CLI::App* const monitor = app.add_subcommand(name, what);
  add_common(*monitor, options);
  monitor->add_option("-i,--id", options.cards, "only these GPUs")->type_name("GPU,...");
  monitor->add_option("-d,--delay", raw.delay, "seconds between lines (default 1)")
      ->type_name("SEC")
      ->check(CLI::Range(0.05, 1e6).description(""));
  monitor->add_option("-c,--count", options.count, "end after so many lines (default: when stopped)")
      ->type_name("N")
      ->check(CLI::Range(1u, 4'000'000'000u).description(""));
  monitor->add_option("-s,--select", options.fields, kinds)->type_name("LETTERS");
  monitor->add_option("-o,--options", options.clock_columns, "D: with the date, T: with the time")
      ->type_name("D|T")
      ->check(CLI::Validator(
          [](std::string& text) {
            return text.find_first_not_of("DT") == std::string::npos ? "" : "'" + text + "' is not D, T or DT";
          },
          ""));
  monitor->add_option("-f,--filename", options.file, "write to this file")->type_name("FILE");
  return monitor;
}

struct Command {
  CLI::App* app;
  Action action;
};

std::vector<Command> add_commands(CLI::App& app, Options& options, Raw& raw) {
  std::vector<Command> all;
  all.push_back({add_monitor(app, options, raw, "dmon", "a line for each GPU every second",
                             "p power and temperature, u utilisation, c clocks, v violations, m memory, e errors and\n"
                             "replays, t PCIe throughput (default puc)"),
                 Action::device_monitor});
  all.push_back({add_monitor(app, options, raw, "pmon", "a line for each process every second",
                             "u utilisation, m memory (default um)"),
                 Action::process_monitor});
  CLI::App* const topology = app.add_subcommand("topo", "how GPUs are connected to each other and to processors");
  topology->add_flag("-m,--matrix", options.topology_matrix, "as a matrix");
  topology->add_option("-i,--id", options.cards, "only these GPUs")->type_name("GPU,...");
  all.push_back({topology, Action::topology});
  CLI::App* const links = app.add_subcommand("nvlink", "the links of each GPU, and how fast they are");
  links->add_flag("-s,--status", raw.counted, "the same");
  links->add_option("-i,--id", options.cards, "only these GPUs")->type_name("GPU,...");
  all.push_back({links, Action::links});
  CLI::App* const statistics =
      app.add_subcommand("stats", "what our part did: calls, bytes by path, wake-ups, calls that are not supported");
  statistics->add_option("--socket", options.socket, "vgpud's socket (default $VGPU_SOCKET)")->type_name("PATH");
  statistics->add_option("PID", options.pid, "only this process");
  statistics->add_option("-l,--loop", raw.loop, "again every SEC seconds, until stopped")->type_name("SEC");
  all.push_back({statistics, Action::statistics});
  CLI::App* const trace = app.add_subcommand("trace", "the calls of one process, with arguments, times and errors");
  trace->add_option("PID", options.pid, "the process; or, after the options, -- PROGRAM [ARGUMENT]... to start one")
      ->check(CLI::Range(1u, 4'194'304u).description(""));
  trace
      ->add_option("-o,--output", options.output,
                   "a file for the calls of a program that is started (else standard error)")
      ->type_name("FILE");
  trace->add_option("-c,--count", options.count, "end after so many calls (default: when it ends, or Ctrl-C)")
      ->type_name("N")
      ->check(CLI::Range(1u, 4'000'000'000u).description(""));
  trace->add_flag("-e,--errors", options.only_errors, "only calls that failed");
  trace->add_option("-n,--name", options.only, "only calls with this in their name")->type_name("TEXT");
  trace->add_option("--socket", options.socket, "vgpud's socket (default $VGPU_SOCKET)")->type_name("PATH");
  all.push_back({trace, Action::trace});
  CLI::App* const doctor = app.add_subcommand("doctor", "looks for what is wrong, and says what to do");
  doctor->add_option("--socket", options.socket, "vgpud's socket (default $VGPU_SOCKET)")->type_name("PATH");
  all.push_back({doctor, Action::doctor});
  for (const Command& command : all)
    if (command.action != Action::device_monitor && command.action != Action::process_monitor)
      add_common(*command.app, options);
  return all;
}

int refuse(const std::string& why) {
  std::cerr << "vgpu-smi: " << why << "\n";
  return kBadArgument;
}

std::optional<std::string> choose_action(const CLI::App& app, const std::vector<Command>& commands, const Raw& raw,
                                         Options& options) {
  std::vector<Action> chosen;
  for (const Command& command : commands)
    if (command.app->parsed()) chosen.push_back(command.action);
  const std::pair<bool, Action> flags[] = {{raw.list, Action::list},
                                           {raw.inspect, Action::inspect},
                                           {app.count("--query-gpu") != 0, Action::query_gpu},
                                           {app.count("--query-compute-apps") != 0, Action::query_processes},
                                           {raw.help_gpu, Action::help_query_gpu},
                                           {raw.help_processes, Action::help_query_processes},
                                           {raw.host, Action::host}};
  for (const auto& [given, action] : flags)
    if (given) chosen.push_back(action);
  for (const char* name : kListQueries) {
    const bool asked = app.count(std::string("--") + name) != 0, helped = app.count("--help-" + std::string(name)) != 0;
    if (!asked && !helped) continue;
    options.list_query = name;
    if (asked) chosen.push_back(Action::query_list);
    if (helped) chosen.push_back(Action::help_query_list);
  }
  if (chosen.size() > 1) return "these options ask for several things; give one of them at a time";
  if (!chosen.empty()) options.action = chosen.front();
  if (options.action == Action::query_gpu) options.fields = raw.query_gpu;
  if (options.action == Action::query_processes) options.fields = raw.query_processes;
  if (options.action == Action::query_list) options.fields = raw.query_list;
  const bool is_query = options.action == Action::query_gpu || options.action == Action::query_processes ||
                        options.action == Action::query_list;
  if (is_query && options.format.empty() && !options.json)
    return "a query needs its format: --format=csv[,noheader][,nounits], or --json";
  if (!is_query && !options.format.empty()) return "--format belongs to a query, such as --query-gpu=name";
  if (options.action != Action::inspect && options.xml) return "-x belongs to -q";
  if (options.action != Action::inspect && !options.sections.empty()) return "-d belongs to -q";
  if (options.xml && options.json) return "-x and --json: give one of them";
  return std::nullopt;
}

std::optional<std::string> choose_interval(const CLI::App& app, const Raw& raw, Options& options) {
  if (options.action == Action::device_monitor || options.action == Action::process_monitor)
    options.repeat_ms = static_cast<unsigned int>(raw.delay * 1000);
  if (raw.loop_ms != 0) options.repeat_ms = raw.loop_ms;
  if (raw.loop.empty()) {
    if (app.count("--loop") == 0) return std::nullopt;
    options.repeat_ms = 5000;
    return std::nullopt;
  }
  if (raw.loop.size() > 6 || raw.loop.find_first_not_of("0123456789") != std::string::npos || std::stoul(raw.loop) == 0)
    return "-l " + raw.loop + ": how many seconds is that?";
  options.repeat_ms = static_cast<unsigned int>(std::stoul(raw.loop) * 1000);
  return std::nullopt;
}

std::string base_name(const char* path) {
  const std::string_view name = path != nullptr ? path : "vgpu-smi";
  return std::string(name.substr(name.rfind('/') + 1));
}

}  // namespace

std::variant<Options, int> parse_options(int argc, char** argv) {
  CLI::App app(kDescription, "vgpu-smi");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("vgpu-smi ") + kVersion);
  app.require_subcommand(0, 1);
  Options options;
  Raw raw;
  options.program = base_name(argc > 0 ? argv[0] : nullptr);
  add_options(app, options, raw);
  const std::vector<Command> commands = add_commands(app, options, raw);
  // What a trace starts has options of its own.
  for (int i = 1; i < argc; ++i)
    if (std::string_view(argv[i]) == "--" && std::string_view(argv[1]) == "trace") {
      options.command.assign(argv + i + 1, argv + argc);
      argc = i;
    }
  std::vector<std::string> words = plain_words(argc, argv);
  const bool has_command = !words.empty() && words.front().find('-') != 0;
  if (const auto changing = find_changing(words, has_command); !changing.empty()) {
    std::cerr
        << "vgpu-smi: " << changing
        << " would change the GPU, which other VMs and programs may use as well; its owner does that on the host, "
           "with nvidia-smi. vgpu-smi only reads.\n";
    return kNoPermission;
  }
  if (has_command &&
      std::find(std::begin(kOthersCommands), std::end(kOthersCommands), words.front()) != std::end(kOthersCommands)) {
    std::cerr << "vgpu-smi: " << words.front()
              << " is a command of nvidia-smi that is not available here; on the host, nvidia-smi has it. "
                 "vgpu-smi --help lists what there is.\n";
    return kNotAvailable;
  }
  // CLI11 speaks in exceptions, and takes its words from the back; none leaves this function.
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kSuccess : kBadArgument;
  }
  if (const auto why = choose_action(app, commands, raw, options)) return refuse(*why);
  if (const auto why = choose_interval(app, raw, options)) return refuse(*why);
  if (options.action == Action::trace && (options.pid == 0) == options.command.empty())
    return refuse("trace: which process? Its number, or -- PROGRAM [ARGUMENT]... to start one");
  return options;
}

}  // namespace vgpu::smi
