// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/worker_process.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "common/log.h"

namespace vgpu::host {
namespace {

constexpr int kFirstFile = 3;
constexpr int kAboveWorkersFiles = 16;

// Owns the two attribute objects of posix_spawn for the length of one call.
struct SpawnAttributes {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnAttributes() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnAttributes() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
};

// Signals as they are by default, and away from the group of the terminal: ^C there is for the guest's program.
void set_signals(posix_spawnattr_t& attributes, Leads leads) {
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  const short own = leads == Leads::session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
  ::posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | own));
}

// The worker's own mappings lie low, away from where guest programs have theirs: pages are shared at the same address
// on both sides. The personality of the daemon itself only matters to what it executes.
void choose_layout() {
#ifndef VGPU_SANITIZED
  static const int before = ::personality(0xffffffff);
  if (before >= 0) ::personality(static_cast<unsigned long>(before) | ADDR_COMPAT_LAYOUT);
#endif
}

}  // namespace

Result<pid_t> spawn_worker(const std::string& executable, const std::vector<std::string>& arguments,
                           const std::vector<int>& files, Leads leads) {
  choose_layout();
  // Sources above the targets: no dup2 below overwrites the source of a later one.
  std::vector<UniqueFd> sources;
  for (const int file : files) {
    sources.emplace_back(::fcntl(file, F_DUPFD_CLOEXEC, kAboveWorkersFiles));
    if (!sources.back()) return Error::from_errno("cannot hand a file to a worker");
  }
  SpawnAttributes spawn;
  ::posix_spawn_file_actions_addopen(&spawn.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  for (size_t i = 0; i < sources.size(); ++i)
    ::posix_spawn_file_actions_adddup2(&spawn.actions, sources[i].get(), kFirstFile + static_cast<int>(i));
  set_signals(spawn.attributes, leads);

  std::vector<char*> argv = {const_cast<char*>(executable.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, executable.c_str(), &spawn.actions, &spawn.attributes, argv.data(), environ);
  if (error != 0) return Error::from_errno("cannot start " + executable, error);
  return pid;
}

// The C library's own pidfd_open cannot be called from C++ in every release: its header lacks extern "C".
UniqueFd open_pidfd(pid_t pid) { return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

std::string describe_end(int code, int status) {
  if (code == CLD_EXITED) return fmt::format("exit status {}", status);
  if (status == SIGSYS) return "killed by its sandbox (forbidden system call)";
  return fmt::format("killed by signal {} ({})", status, ::strsignal(status));
}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(const WorkerOptions& options) {
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess);
  worker->doorbell_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  worker->wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!worker->doorbell_ || !worker->wake_) return Error::from_errno("cannot create a doorbell");
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return Error::from_errno("cannot create a worker's control socket");
  worker->control_.reset(pair[0]);
  const UniqueFd workers_end(pair[1]);
  ::fcntl(pair[0], F_SETFL, O_NONBLOCK);

  std::vector<std::string> arguments = {"--driver", options.driver_path,
                                        "--parent", std::to_string(::getpid()),
                                        "--log",    std::to_string(static_cast<int>(log::level()))};
  if (options.kind == DriverKind::soft) arguments.emplace_back("--soft");
  if (!options.sandbox) arguments.emplace_back("--no-sandbox");
  if (options.one_owner) arguments.emplace_back("--one-owner");
  if (options.ready_context) arguments.emplace_back("--ready-context");
  if (!options.code_cache) arguments.emplace_back("--no-code-cache");
  if (!options.launch_graphs) arguments.emplace_back("--no-launch-graphs");
  if (!options.files.empty()) arguments.insert(arguments.end(), {"--files", options.files});
  for (const DriverVariable& variable : options.variables)
    arguments.insert(arguments.end(), {"--variable", variable.name, variable.value});
  worker->pid_ = TRY(
      spawn_worker(options.executable, arguments, {workers_end.get(), worker->doorbell_.get(), worker->wake_.get()}));
  worker->pidfd_ = open_pidfd(worker->pid_);
  if (!worker->pidfd_) return Error::from_errno("cannot watch a worker");
  return worker;
}

WorkerProcess::~WorkerProcess() {
  if (pid_ < 0 || reaped_) return;
  kill();
  siginfo_t about = {};
  // Only when the daemon ends, or could not start the worker properly: waiting is then right.
  while (::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED) != 0 && errno == EINTR) {
  }
}

// The process is not reaped yet, so its number cannot belong to another one.
void WorkerProcess::kill() {
  if (pid_ >= 0 && !reaped_) ::kill(pid_, SIGKILL);
}

std::optional<std::string> WorkerProcess::reap() {
  siginfo_t about = {};
  if (reaped_ || ::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WNOHANG) != 0 || about.si_pid == 0)
    return std::nullopt;
  reaped_ = true;
  return describe_end(about.si_code, about.si_status);
}

}  // namespace vgpu::host
