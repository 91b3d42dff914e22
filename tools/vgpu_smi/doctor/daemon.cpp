// SPDX-License-Identifier: Apache-2.0
// The host's side, as far as it can be seen from here: the daemon's socket.
#include <fmt/core.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tools/vgpu_smi/daemon/client.h"
#include "tools/vgpu_smi/doctor/finding.h"

namespace vgpu::smi::doctor {
namespace {

Finding no_socket(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
      return {State::problem, "daemon", path + " does not exist",
              "Start vgpud with --socket " + path + ", or run the program with vgpu-run"};
    case ECONNREFUSED:
      return {State::problem, "daemon", path + " is there, but nobody listens: vgpud has ended",
              "Start vgpud again; its log says why it ended"};
    case EACCES:
    case EPERM:
      return {State::problem, "daemon", path + " may not be used by this user",
              "vgpud --socket-mode 0660 lets the socket's group in; ls -l " + path + " shows it"};
    default:
      return {State::problem, "daemon", fmt::format("{}: {}", path, std::strerror(error)),
              "Is VGPU_SOCKET the path of vgpud's socket?"};
  }
}

}  // namespace

void check_daemon(const Place& place, Way way, Findings& findings) {
  if (way == Way::device) return;  // In a VM, what is there of the daemon is the device.
  const std::string path = place.socket.empty() ? place.root + kDefaultSocket : place.socket;
  struct stat about = {};
  if (way == Way::nothing && ::stat(path.c_str(), &about) != 0)
    return findings.push_back({State::problem, "way to a GPU",
                               "this machine has no virtual GPU's device, and VGPU_SOCKET names no vgpud",
                               "In a VM: give it the device (docs/guests.md). On the host: start vgpud with --socket, "
                               "or run the program with vgpu-run"});
  auto connection = connect_daemon(path);
  if (!connection.ok()) return findings.push_back(no_socket(path, connection.error()));
  auto statistics = ask_statistics(connection->get());
  if (!statistics.ok())
    return findings.push_back({State::problem, "daemon", fmt::format("{}: {}", path, statistics.error().message),
                               "Is it of the same release? vgpud --version and vgpu-smi --version tell"});
  findings.push_back(
      {State::good, "daemon",
       fmt::format("vgpud answers at {}; {} program{} now, {} since it started", path, statistics->sessions_open,
                   statistics->sessions_open == 1 ? "" : "s", statistics->sessions),
       ""});
  if (statistics->workers_lost != 0)
    findings.push_back({State::warning, "workers",
                        fmt::format("{} worker{} ended unexpectedly since vgpud started", statistics->workers_lost,
                                    statistics->workers_lost == 1 ? "" : "s"),
                        "vgpud's log says which, and how"});
}

}  // namespace vgpu::smi::doctor
