// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_run/private_daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "common/control_socket.h"

namespace vgpu::run {
namespace {

constexpr int kPatienceMs = 5000;
// The address of a Unix socket has room for 107 characters.
constexpr size_t kLongestParent = 80;

Result<std::string> make_directory() {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  for (const char* parent : {runtime, "/tmp"}) {
    if (parent == nullptr || parent[0] != '/' || std::strlen(parent) > kLongestParent) continue;
    std::string name = std::string(parent) + "/vgpu-run-XXXXXX";
    if (::mkdtemp(name.data()) != nullptr) return name;
  }
  return Error::from_errno("cannot create a temporary directory");
}

struct Pipe {
  UniqueFd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return Error::from_errno("cannot create a pipe");
  return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

std::string own_directory() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

Result<std::unique_ptr<PrivateDaemon>> PrivateDaemon::start(const std::vector<std::string>& options) {
  std::unique_ptr<PrivateDaemon> daemon(new PrivateDaemon);
  Pipe ready = TRY(make_pipe());
  Pipe lifeline = TRY(make_pipe());
  daemon->directory_ = TRY(make_directory());
  ChildSetup setup;
  setup.command = {own_directory() + "/vgpud", "--socket", daemon->socket(), "--ready-fd", "3", "--lifeline-fd", "4"};
  setup.command.insert(setup.command.end(), options.begin(), options.end());
  setup.files = {ready.write.get(), lifeline.read.get()};
  setup.own_group = true;
  auto child = Child::start(setup);
  if (!child) return Error::from_errno("cannot start " + setup.command[0], child.error());
  daemon->child_.emplace(std::move(child).value());
  daemon->lifeline_ = std::move(lifeline.write);
  ready.write.reset();
  char newline = 0;
  ssize_t got = -1;
  do got = ::read(ready.read.get(), &newline, 1);
  while (got < 0 && errno == EINTR);
  if (got != 1) return Error{"vgpud did not start"};
  return daemon;
}

PrivateDaemon::~PrivateDaemon() {
  lifeline_.reset();
  if (child_ && !child_->wait(kPatienceMs)) {
    child_->signal(SIGKILL);
    child_->wait(kPatienceMs);
  }
  // What a daemon that ended badly has left.
  if (directory_.empty()) return;
  ::unlink(socket().c_str());
  ::unlink((socket() + ".lock").c_str());
  ::rmdir(directory_.c_str());
}

Result<wire::DaemonStatistics> PrivateDaemon::statistics() const {
  const UniqueFd connection = TRY(connect_control(socket()));
  wire::ControlMessage question = {};
  question.type = wire::Control::statistics;
  send_control(connection.get(), question);
  pollfd answer = {connection.get(), POLLIN, 0};
  ::poll(&answer, 1, kPatienceMs);
  const Incoming incoming = receive_control(connection.get(), MSG_DONTWAIT);
  if (incoming.receipt != Receipt::message || incoming.message.type != wire::Control::statistics)
    return Error{"vgpud did not say what it counted"};
  wire::DaemonStatistics statistics = {};
  std::memcpy(&statistics, incoming.message.text, sizeof statistics);
  return statistics;
}

}  // namespace vgpu::run
