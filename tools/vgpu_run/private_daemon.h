// SPDX-License-Identifier: Apache-2.0
// PrivateDaemon: a vgpud for one program, on a socket in a temporary directory. It ends, and the directory goes, when
// this object does, also when vgpu-run is killed: the daemon watches a pipe. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/result.h"
#include "tools/vgpu_run/child.h"
#include "vgpu/wire.h"

namespace vgpu::run {

class PrivateDaemon {
 public:
  // Returns when the daemon listens. What it had to say on failure is on standard error already.
  static Result<std::unique_ptr<PrivateDaemon>> start(const std::vector<std::string>& options);
  PrivateDaemon(const PrivateDaemon&) = delete;
  PrivateDaemon& operator=(const PrivateDaemon&) = delete;
  ~PrivateDaemon();

  std::string socket() const { return directory_ + "/socket"; }
  int pidfd() const { return child_->pidfd(); }
  Result<wire::DaemonStatistics> statistics() const;

 private:
  PrivateDaemon() = default;
  std::string directory_;
  std::optional<Child> child_;
  UniqueFd lifeline_;
};

// The directory of the running executable.
std::string own_directory();

}  // namespace vgpu::run
