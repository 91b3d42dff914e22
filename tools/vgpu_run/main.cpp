// SPDX-License-Identifier: Apache-2.0
// vgpu-run: runs one program with a virtual GPU and leaves nothing behind. See --help.
#include <fmt/core.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "common/log.h"
#include "tools/bytes_text.h"
#include "tools/vgpu_run/child.h"
#include "tools/vgpu_run/options.h"
#include "tools/vgpu_run/private_daemon.h"

namespace vgpu::run {
namespace {

constexpr int kPassedOn[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM, SIGCONT};

// Ours are blocked and read from a file; children start with none blocked.
UniqueFd take_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : kPassedOn) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  return UniqueFd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

// The terminal's signals reach the whole process group, the program included; only what was sent to us is passed on.
void pass_on(int signals, const Child& program) {
  signalfd_siginfo about = {};
  while (::read(signals, &about, sizeof about) == sizeof about)
    if (about.ssi_code != SI_KERNEL) program.signal(static_cast<int>(about.ssi_signo));
}

int wait_for(Child& program, const PrivateDaemon& daemon, int signals) {
  pollfd watched[] = {{program.pidfd(), POLLIN, 0}, {signals, POLLIN, 0}, {daemon.pidfd(), POLLIN, 0}};
  for (;;) {
    if (::poll(watched, 3, -1) < 0) continue;
    if (watched[1].revents != 0) pass_on(signals, program);
    if (watched[0].revents != 0) {
      if (const auto status = program.wait(0)) return *status;
    }
    if (watched[2].revents != 0) {
      VGPU_ERROR("vgpud has ended; the program has lost its GPU");
      watched[2].fd = -1;
    }
  }
}

void print_statistics(const wire::DaemonStatistics& all) {
  const wire::Statistics& work = all.work;
  const std::pair<const char*, std::string> rows[] = {
      {"sessions", fmt::format("{}, {} refused, {} lost", all.sessions, all.sessions_refused, all.workers_lost)},
      {"calls", fmt::format("{}", work.commands)},
      {"  posted", fmt::format("{}", work.posted)},
      {"  replied to", fmt::format("{}", work.replies)},
      {"  on helper threads", fmt::format("{}", work.helper_calls)},
      {"  not supported", fmt::format("{}", work.refused)},
      {"launches", fmt::format("{}", work.launches)},
      {"bytes in the ring", in_bytes(work.bytes_inline)},
      {"bytes by the window", in_bytes(work.bytes_window)},
      {"bytes in shared pages", in_bytes(work.bytes_shared)},
      {"worker parked", fmt::format("{} times", work.worker_parks)},
      {"program woken", fmt::format("{} times", work.wakeups)},
  };
  std::string text = "vgpu: statistics\n";
  for (const auto& [name, value] : rows) text += fmt::format("  {:<22} {}\n", name, value);
  if (all.device_limit != 0)
    text += fmt::format("  {:<22} {} of {}\n", "device memory, most", in_bytes(all.device_peak),
                        in_bytes(all.device_limit));
  fmt::print(stderr, "{}", text);
}

// The directory with the guest's libcuda.so.1.
Result<std::string> find_guest_libraries() {
  const std::filesystem::path base = own_directory();
  for (const char* place : {"../lib/guest", "../lib/vgpu/guest"}) {
    std::error_code ignored;
    const auto path = std::filesystem::canonical(base / place, ignored);
    if (!ignored && std::filesystem::exists(path / "libcuda.so.1", ignored)) return path.string();
  }
  return Error{fmt::format("cannot find the guest library {}; is the installation complete?",
                           (base / "../lib/guest/libcuda.so.1").lexically_normal().string())};
}

std::vector<std::string> program_environment(const std::string& libraries, const std::string& socket) {
  const char* const inherited = std::getenv("LD_LIBRARY_PATH");
  std::string path = "LD_LIBRARY_PATH=" + libraries;
  if (inherited != nullptr && *inherited != '\0') path += std::string(":") + inherited;
  return {path, "VGPU_SOCKET=" + socket};
}

int run(const Options& options) {
  const auto libraries = find_guest_libraries();
  if (!libraries) {
    VGPU_ERROR("%s", libraries.error().message.c_str());
    return kOwnFailure;
  }
  auto daemon = PrivateDaemon::start(options.daemon_options);
  if (!daemon) {
    VGPU_ERROR("%s", daemon.error().message.c_str());
    return kOwnFailure;
  }
  const UniqueFd signals = take_signals();
  ChildSetup setup;
  setup.command = options.command;
  setup.environment = program_environment(libraries.value(), daemon.value()->socket());
  setup.search_path = true;
  auto program = Child::start(setup);
  if (!program) {
    VGPU_ERROR("cannot run %s: %s", setup.command[0].c_str(), std::strerror(program.error()));
    return program.error() == ENOENT ? kNotFound : kNotExecutable;
  }
  const int status = wait_for(program.value(), *daemon.value(), signals.get());
  if (!options.statistics) return status;
  const auto statistics = daemon.value()->statistics();
  if (statistics) print_statistics(statistics.value());
  else VGPU_WARN("no statistics: %s", statistics.error().message.c_str());
  return status;
}

}  // namespace
}  // namespace vgpu::run

int main(int argc, char** argv) {
  const auto parsed = vgpu::run::parse_options(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  return vgpu::run::run(std::get<vgpu::run::Options>(parsed));
}
