// SPDX-License-Identifier: Apache-2.0
// WorkerProcess: a started vgpu-worker and what it was started with: control socket, doorbell, wake event. Killed and
// reaped when destroyed. The daemon's thread only.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/driver_variables.h"
#include "common/fd.h"
#include "common/result.h"

namespace vgpu::host {

// What the driver is decides which sandbox a worker can have (docs/security.md).
enum class DriverKind { soft, vendor };

struct WorkerOptions {
  std::string executable;
  std::string driver_path;
  DriverKind kind = DriverKind::soft;
  bool sandbox = true;
  // All programs are one owner's: workers for NVIDIA's driver have one user id, by which it knows who may open whose
  // IPC handles.
  bool one_owner = false;
  DriverVariables variables;  // for the driver; others are as in the daemon's environment
  std::string files;          // the directory of WorkerFiles; empty: none
  bool code_cache = true;
  bool launch_graphs = true;
  bool ready_context = false;  // it makes the first device's primary context before it says that it is ready
};

class WorkerProcess {
 public:
  static Result<std::unique_ptr<WorkerProcess>> start(const WorkerOptions& options);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  ~WorkerProcess();

  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }      // readable once the process has ended
  int control() const { return control_.get(); }  // non-blocking
  int doorbell_fd() const { return doorbell_.get(); }
  // Non-blocking; the worker of a guest in a VM raises it when a sleeper's word has changed.
  int wake_fd() const { return wake_.get(); }

  void kill();
  // Why the process ended, in words; nothing while it runs.
  std::optional<std::string> reap();

 private:
  WorkerProcess() = default;

  UniqueFd doorbell_;
  UniqueFd wake_;
  UniqueFd control_;
  UniqueFd pidfd_;
  pid_t pid_ = -1;
  bool reaped_ = false;
};

// Starts `executable` with `arguments`; files[i] becomes descriptor 3 + i. Standard input is empty; standard error is
// the caller's. The process leads a group of its own, or a session. Returns the process id.
enum class Leads { group, session };
Result<pid_t> spawn_worker(const std::string& executable, const std::vector<std::string>& arguments,
                           const std::vector<int>& files, Leads leads = Leads::group);

// Readable once the child has ended. Empty on failure.
UniqueFd open_pidfd(pid_t pid);

// "killed by signal 11 (Segmentation fault)", "exit status 3".
std::string describe_end(int code, int status);

}  // namespace vgpu::host
