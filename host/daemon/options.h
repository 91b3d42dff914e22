// SPDX-License-Identifier: Apache-2.0
// Options: vgpud's command line. --help is the manual; keep it so.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/log.h"
#include "common/result.h"

namespace vgpu::host {

struct Options {
  std::string socket;  // empty: none; one of these two is there
  std::string vm_socket;
  std::string pci_identity;  // empty: the host GPU's, or the default of the software GPU
  std::string metrics;       // empty: none
  std::string gpu;           // index, UUID or PCI address; empty: all
  mode_t socket_mode = 0600;
  std::string driver = "auto";
  uint64_t memory_limit = 0;  // bytes; 0: none
  std::string worker;         // empty: beside vgpud
  unsigned max_sessions = 256;
  unsigned prestart = 0;
  unsigned ready_contexts = 0;  // at most prestart
  int ready_fd = -1;
  int lifeline_fd = -1;
  bool sandbox = true;
  bool code_cache = true;
  bool launch_graphs = true;
};

// The options, or the status to exit with: --help, --version and mistakes have been printed then.
std::variant<Options, int> parse_options(int argc, char** argv);

// "4G", "512MiB", "1048576": bytes. Suffixes K, M, G, T, each with an optional B or iB; all are powers of 1024.
Result<uint64_t> parse_size(std::string_view text);

}  // namespace vgpu::host
