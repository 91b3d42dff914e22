// SPDX-License-Identifier: Apache-2.0
// The command line of vgpu-bench. Parsed once, by main.
#pragma once

#include <string>
#include <variant>

namespace vgpu::bench {

struct Options {
  std::string driver = "soft";  // what both sides run on: soft or nvidia
  std::string rows = "*";       // glob; a row takes part when it matches anywhere in the name
  std::string json;             // file to write, empty for none
  std::string gate;             // file of bounds, empty for none
  int rounds = 7;
  bool takes_long = false;
  bool here = false;  // one side only: this process's own libcuda.so.1
};

// The options, or the exit status when there is nothing to run.
std::variant<Options, int> parse_options(int argc, char** argv);

// Whether a row of this name takes part.
bool is_wanted(const std::string& pattern, const std::string& row);

}  // namespace vgpu::bench
