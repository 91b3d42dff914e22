// SPDX-License-Identifier: Apache-2.0
// vgpu-smi: shows the GPU, its users, and what our part of it does. A client of the public NVML interface, so it shows
// a card behind NVIDIA's library just as well. See --help and docs/vgpu-smi.md.
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "tools/vgpu_smi/card.h"
#include "tools/vgpu_smi/daemon/overview.h"
#include "tools/vgpu_smi/daemon/statistics.h"
#include "tools/vgpu_smi/doctor/doctor.h"
#include "tools/vgpu_smi/inspect/node.h"
#include "tools/vgpu_smi/links.h"
#include "tools/vgpu_smi/list_query.h"
#include "tools/vgpu_smi/monitor.h"
#include "tools/vgpu_smi/options.h"
#include "tools/vgpu_smi/query.h"
#include "tools/vgpu_smi/table.h"
#include "tools/vgpu_smi/topology.h"
#include "tools/vgpu_smi/trace/trace.h"

namespace vgpu::smi {
namespace {

int complain(const Complaint& complaint) {
  std::fflush(stdout);
  fmt::print(stderr, "{}\n", complaint.message);
  return complaint.code;
}

void print_json(const nlohmann::json& json) {
  // Names come from elsewhere: what is no UTF-8 in them is replaced.
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

// Once, or again and again. `print` returns an exit status; `round` counts from 0.
int repeat(const Options& options, const std::function<int(unsigned int round)>& print) {
  for (unsigned int round = 0;; ++round) {
    const int status = print(round);
    if (std::fflush(stdout) != 0) return kOther;  // Nobody reads any more, or the disk is full.
    if (status != kSuccess || !options.repeat_ms || (options.count != 0 && round + 1 >= options.count)) return status;
    ::usleep(*options.repeat_ms * 1000);
  }
}

template <class Query>
int run_query(const Options& options, const Nvml& nvml, const Query& query) {
  CsvFormat format;
  if (!options.format.empty()) {
    auto parsed = parse_csv_format(options.format);
    if (!parsed.ok()) return complain(parsed.error());
    format = parsed.value();
  }
  return repeat(options, [&](unsigned int round) -> int {
    const auto cards = find_cards(nvml, options.cards);
    if (!cards.ok()) return complain(cards.error());
    const auto rows = query.rows(cards.value());
    if (options.json) return print_json(json_rows(query.columns(), rows)), kSuccess;
    if (round == 0 && format.header) fmt::print("{}\n", csv_header(query.columns(), format.units));
    for (const auto& row : rows) fmt::print("{}\n", csv_row(row, format.units));
    return kSuccess;
  });
}

int run_summary(const Options& options, const Nvml& nvml) {
  return repeat(options, [&](unsigned int) -> int {
    const auto cards = find_cards(nvml, options.cards);
    if (!cards.ok()) return complain(cards.error());
    if (options.json) print_json(summary_json(nvml, cards.value()));
    else fmt::print("{}", summary_table(nvml, cards.value(), options.program));
    return kSuccess;
  });
}

int run_inspect(const Options& options, const Nvml& nvml, unsigned int sections) {
  return repeat(options, [&](unsigned int) -> int {
    const auto cards = find_cards(nvml, options.cards);
    if (!cards.ok()) return complain(cards.error());
    const Node root = inspect(nvml, cards.value(), sections);
    if (options.json) print_json(to_json(root));
    else fmt::print("{}", options.xml ? to_xml(root) : to_text(root));
    return kSuccess;
  });
}

int run_monitor(const Options& options, const Nvml& nvml, Monitor& monitor) {
  constexpr unsigned int kLinesPerHead = 20;
  unsigned int lines = kLinesPerHead;
  return repeat(options, [&](unsigned int) -> int {
    const auto cards = find_cards(nvml, options.cards);
    if (!cards.ok()) return complain(cards.error());
    const auto rows = monitor.sample(cards.value());
    if (options.json) return print_json(monitor.json(rows)), kSuccess;
    if (std::exchange(lines, lines + 1) >= kLinesPerHead) {
      fmt::print("{}", monitor.head());
      lines = 1;
    }
    for (const auto& row : rows) fmt::print("{}", monitor.line(row));
    return kSuccess;
  });
}

int run_topology(const Options& options, const Nvml& nvml) {
  const auto cards = find_cards(nvml, options.cards);
  if (!cards.ok()) return complain(cards.error());
  if (options.json) print_json(topology_json(cards.value()));
  else fmt::print("{}", topology_matrix(cards.value()));
  return kSuccess;
}

int run_links(const Options& options, const Nvml& nvml) {
  const auto cards = find_cards(nvml, options.cards);
  if (!cards.ok()) return complain(cards.error());
  if (options.json) print_json(link_list_json(cards.value()));
  else fmt::print("{}", link_list(cards.value()));
  return kSuccess;
}

int run_list(const Options& options, const Nvml& nvml) {
  const auto cards = find_cards(nvml, options.cards);
  if (!cards.ok()) return complain(cards.error());
  if (options.json) print_json(card_list_json(cards.value()));
  else fmt::print("{}", card_list(cards.value()));
  return kSuccess;
}

// What is wrong with the arguments is told before a missing library.
struct Arguments {
  std::unique_ptr<Monitor> monitor;
  std::optional<GpuQuery> gpus;
  std::optional<ProcessQuery> processes;
  std::optional<ListQuery> list;
  unsigned int sections = kEverySection;
};

Result<Arguments, Complaint> read_arguments(const Options& options) {
  Arguments arguments;
  switch (options.action) {
    case Action::query_gpu: arguments.gpus = TRY(GpuQuery::parse(options.fields)); break;
    case Action::query_processes: arguments.processes = TRY(ProcessQuery::parse(options.fields)); break;
    case Action::query_list: arguments.list = TRY(ListQuery::parse(options.list_query, options.fields)); break;
    case Action::device_monitor: arguments.monitor = TRY(device_monitor(options.fields, options.clock_columns)); break;
    case Action::process_monitor:
      arguments.monitor = TRY(process_monitor(options.fields, options.clock_columns));
      break;
    default: arguments.sections = TRY(parse_sections(options.sections));
  }
  return arguments;
}

int run_with_library(const Options& options) {
  const auto arguments = read_arguments(options);
  if (!arguments.ok()) return complain(arguments.error());
  const auto opened = open_nvml();
  if (!opened.ok()) return complain(opened.error());
  const Nvml& nvml = *opened.value();
  switch (options.action) {
    case Action::query_gpu: return run_query(options, nvml, *arguments.value().gpus);
    case Action::query_processes: return run_query(options, nvml, *arguments.value().processes);
    case Action::query_list: return run_query(options, nvml, *arguments.value().list);
    case Action::links: return run_links(options, nvml);
    case Action::inspect: return run_inspect(options, nvml, arguments.value().sections);
    case Action::list: return run_list(options, nvml);
    case Action::topology: return run_topology(options, nvml);
    case Action::device_monitor:
    case Action::process_monitor: return run_monitor(options, nvml, *arguments.value().monitor);
    default: return run_summary(options, nvml);
  }
}

int run_doctor(const Options& options) {
  const char* const configured = std::getenv("VGPU_SOCKET");
  doctor::Place place;
  place.socket = !options.socket.empty() ? options.socket : configured != nullptr ? configured : "";
  const doctor::Findings findings = doctor::examine(place);
  if (options.json) print_json(doctor::to_json(findings));
  else fmt::print("{}", doctor::page(findings));
  return doctor::has_problem(findings) ? kProblemsFound : kSuccess;
}

int run_statistics(const Options& options) {
  return repeat(options, [&](unsigned int) -> int {
    const auto overview = Overview::ask();
    if (!overview.ok()) return complain(overview.error());
    const auto page = statistics_page(overview.value(), options.pid);
    if (!page.ok()) return complain(page.error());
    if (options.json) print_json(overview.value().json());
    else fmt::print("{}", page.value());
    return kSuccess;
  });
}

int run_trace(const Options& options) {
  const TraceOptions chosen = {options.pid, options.count, options.only_errors, options.only, options.json, stdout};
  const auto followed =
      options.command.empty() ? follow_trace(chosen) : trace_program(chosen, options.command, options.output);
  return followed.ok() ? followed.value() : complain(followed.error());
}

// Every daemon that answers is shown; the others are named, and make the exit status.
int run_host(const Options& options) {
  const std::vector<std::string> sockets =
      options.socket.empty() ? find_daemon_sockets() : std::vector<std::string>{options.socket};
  if (sockets.empty())
    return complain(
        {"No vgpud was found: there is no socket of one in /run/vgpu, and VGPU_SOCKET is not set. Start "
         "vgpud with --socket /run/vgpu/NAME.sock, beside --vm if it serves a VM.",
         kNoDriver});
  int status = kSuccess;
  auto all = nlohmann::json::array();
  for (const std::string& socket : sockets) {
    const auto overview = Overview::ask_at(socket);
    if (!overview.ok()) {
      status = complain({fmt::format("{}: {}", socket, overview.error().message), overview.error().code});
      continue;
    }
    if (options.json) all.push_back({{"socket", socket}, {"report", overview.value().json()}});
    else fmt::print("{}", host_page(overview.value(), socket));
  }
  if (options.json) print_json({{"daemons", all}});
  return status;
}

int run(const Options& options) {
  // All that looks for a daemon, libraries included, looks there.
  if (!options.socket.empty()) ::setenv("VGPU_SOCKET", options.socket.c_str(), 1);
  if (!options.file.empty() && std::freopen(options.file.c_str(), "w", stdout) == nullptr)
    return complain({Error::from_errno("cannot write to " + options.file).message, kOther});
  switch (options.action) {
    case Action::help_query_gpu:
      if (options.json) print_json(gpu_help_json());
      else print_gpu_help(stdout);
      return kSuccess;
    case Action::help_query_processes:
      if (options.json) print_json(process_help_json());
      else print_process_help(stdout);
      return kSuccess;
    case Action::help_query_list:
      if (options.json) print_json(list_help_json(options.list_query));
      else print_list_help(stdout, options.list_query);
      return kSuccess;
    case Action::statistics: return run_statistics(options);
    case Action::host: return repeat(options, [&](unsigned int) { return run_host(options); });
    case Action::trace: return run_trace(options);
    case Action::doctor: return run_doctor(options);
    default: return run_with_library(options);
  }
}

}  // namespace
}  // namespace vgpu::smi

int main(int argc, char** argv) {
  const auto parsed = vgpu::smi::parse_options(argc, argv);
  const int* const told = std::get_if<int>(&parsed);
  int status = vgpu::smi::kOther;
  try {
    status = told != nullptr ? *told : vgpu::smi::run(std::get<vgpu::smi::Options>(parsed));
  } catch (const std::system_error& error) {
    // fmt::print throws when a text that is longer than stdio's buffer cannot be written.
    errno = error.code().value();
  }
  // What was not written was not said.
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  std::perror("vgpu-smi: not everything could be written");
  return status != 0 ? status : vgpu::smi::kOther;
}
