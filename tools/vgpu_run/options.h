// SPDX-License-Identifier: Apache-2.0
// vgpu-run's command line. Options end at "--" or at the first word that is none, as with env(1).
#pragma once

#include <string>
#include <variant>
#include <vector>

namespace vgpu::run {

// Exit statuses of our own, as env(1) and timeout(1) have them.
constexpr int kOwnFailure = 125;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

struct Options {
  std::vector<std::string> daemon_options;  // passed on to vgpud
  bool statistics = false;
  std::vector<std::string> command;  // never empty
};

// The options, or the status to exit with.
std::variant<Options, int> parse_options(int argc, char** argv);

}  // namespace vgpu::run
