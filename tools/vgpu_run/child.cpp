// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_run/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string_view>

namespace vgpu::run {
namespace {

constexpr int kFirstFile = 3;
constexpr int kAboveFiles = 16;

// The inherited environment with some variables replaced.
std::vector<std::string> merged_environment(const std::vector<std::string>& replacements) {
  std::vector<std::string> merged = replacements;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view inherited = *at;
    const std::string_view name = inherited.substr(0, inherited.find('=') + 1);
    bool replaced = false;
    for (const std::string& replacement : replacements) replaced |= replacement.starts_with(name);
    if (!replaced) merged.emplace_back(inherited);
  }
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

// vgpu-run blocks the signals that it passes on; a child starts with none blocked.
void set_attributes(posix_spawnattr_t& attributes, bool own_group) {
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes,
                             static_cast<short>(POSIX_SPAWN_SETSIGMASK | (own_group ? POSIX_SPAWN_SETPGROUP : 0)));
}

}  // namespace

Result<Child, int> Child::start(const ChildSetup& setup) {
  std::vector<std::string> command = setup.command;
  std::vector<std::string> environment = merged_environment(setup.environment);
  std::vector<UniqueFd> sources;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  // Sources above the targets, so that no dup2 overwrites the source of a later one.
  for (size_t i = 0; i < setup.files.size(); ++i) {
    sources.emplace_back(::fcntl(setup.files[i], F_DUPFD_CLOEXEC, kAboveFiles));
    ::posix_spawn_file_actions_adddup2(&actions, sources[i].get(), kFirstFile + static_cast<int>(i));
  }
  set_attributes(attributes, setup.own_group);
  pid_t pid = -1;
  const auto spawn = setup.search_path ? &::posix_spawnp : &::posix_spawn;
  const int error =
      spawn(&pid, command[0].c_str(), &actions, &attributes, pointers(command).data(), pointers(environment).data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return error;
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return errno;
  return Child(pid, std::move(pidfd));
}

// Not reaped before wait() has told the status, so the number is still the child's.
void Child::signal(int number) const { ::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0); }

std::optional<int> Child::wait(int milliseconds) {
  pollfd ended = {pidfd_.get(), POLLIN, 0};
  if (::poll(&ended, 1, milliseconds) != 1) return std::nullopt;
  siginfo_t about = {};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED) != 0) return std::nullopt;
  return about.si_code == CLD_EXITED ? about.si_status : 128 + about.si_status;
}

}  // namespace vgpu::run
