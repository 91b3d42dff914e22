// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/daemon/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "common/control_socket.h"

namespace vgpu::smi {
namespace {

constexpr int kPatienceMs = 5000;

}  // namespace

Result<UniqueFd, int> connect_daemon(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return ENAMETOOLONG;
  std::memcpy(address.sun_path, path.c_str(), path.size());
  UniqueFd connection(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!connection) return errno;
  if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return errno;
  return connection;
}

Result<wire::DaemonStatistics> ask_statistics(int connection) {
  wire::ControlMessage question = {};
  question.type = wire::Control::statistics;
  if (send_control(connection, question) != Delivery::sent) return Error{"vgpud does not take questions"};
  pollfd answer = {connection, POLLIN, 0};
  if (::poll(&answer, 1, kPatienceMs) <= 0) return Error{"no answer within 5 seconds"};
  const Incoming incoming = receive_control(connection, MSG_DONTWAIT);
  if (incoming.receipt != Receipt::message || incoming.message.type != wire::Control::statistics)
    return Error{"the answer is not a vgpud's"};
  wire::DaemonStatistics statistics = {};
  std::memcpy(&statistics, incoming.message.text, sizeof statistics);
  return statistics;
}

}  // namespace vgpu::smi
