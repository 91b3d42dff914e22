// SPDX-License-Identifier: Apache-2.0
// Child: a process that vgpu-run started. Not ended by the destructor: the program decides itself, and the daemon ends
// with its lifeline. One thread.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/fd.h"

namespace vgpu::run {

struct ChildSetup {
  std::vector<std::string> command;
  std::vector<std::string> environment;  // NAME=VALUE, in place of what is inherited
  std::vector<int> files;                // files[i] becomes descriptor 3 + i
  bool own_group = false;                // out of reach of the terminal's signals
  bool search_path = false;              // look the program up in PATH
};

class Child {
 public:
  // The error is an errno.
  static Result<Child, int> start(const ChildSetup& setup);

  int pidfd() const { return pidfd_.get(); }  // readable once it has ended
  void signal(int number) const;
  // Waits at most this long. The exit status as a shell tells it: 128 + N after signal N.
  std::optional<int> wait(int milliseconds);

 private:
  Child(pid_t pid, UniqueFd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  pid_t pid_;
  UniqueFd pidfd_;
};

}  // namespace vgpu::run
