// SPDX-License-Identifier: Apache-2.0
// vgpu-smi's command line, which is the known tool's where it has the same. One thread.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace vgpu::smi {

enum class Action {
  summary,
  list,
  inspect,  // -q
  query_gpu,
  query_processes,
  query_list,
  help_query_gpu,
  help_query_processes,
  help_query_list,
  device_monitor,
  process_monitor,
  topology,
  links,
  statistics,
  trace,
  doctor,
  host,
};

struct Options {
  Action action = Action::summary;
  std::string program = "vgpu-smi";  // the name we were called by
  std::string cards;                 // -i
  std::string fields;                // of a query; -s of a monitor
  std::string list_query;            // which, of kListQueries
  std::string sections;              // -d of -q
  std::string format;                // of a query
  std::string file;                  // -f
  std::string socket;                // of vgpud
  bool json = false;
  bool xml = false;
  std::optional<unsigned int> repeat_ms;  // nothing: once
  unsigned int count = 0;                 // of a monitor; 0: until it is stopped
  std::string clock_columns;              // -o of a monitor: D, T or both
  bool topology_matrix = false;
  unsigned int pid = 0;
  bool only_errors = false;          // of a trace
  std::string only;                  // of a trace: part of a call's name
  std::string output;                // of a trace: a file
  std::vector<std::string> command;  // of a trace: the program to start
};

// The options, or the status to exit with, after saying why.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace vgpu::smi
