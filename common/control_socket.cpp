// SPDX-License-Identifier: Apache-2.0
#include "common/control_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vgpu {

Incoming receive_control(int socket, int flags) {
  Incoming incoming;
  const Arrival arrival = receive_with_files(socket, &incoming.message, sizeof incoming.message, incoming.files, flags);
  if (arrival.size < 0) {
    incoming.receipt = errno == EAGAIN ? Receipt::nothing : Receipt::closed;
    return incoming;
  }
  incoming.file_count = arrival.file_count;
  if (arrival.size == 0) incoming.receipt = Receipt::closed;
  else if (!arrival.is_whole || arrival.size != sizeof incoming.message) incoming.receipt = Receipt::violation;
  else incoming.receipt = Receipt::message;
  if (incoming.receipt != Receipt::message) {
    for (UniqueFd& file : incoming.files) file.reset();
    incoming.file_count = 0;
  }
  incoming.message.text[sizeof incoming.message.text - 1] = '\0';
  return incoming;
}

Delivery send_control(int socket, const wire::ControlMessage& message, std::span<const int> files, int flags) {
  const ssize_t sent = send_with_files(socket, &message, sizeof message, files, flags);
  if (sent == sizeof message) return Delivery::sent;
  // ETOOMANYREFS and ENOBUFS: the kernel holds too many messages for somebody who does not read.
  return sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS) ? Delivery::full : Delivery::broken;
}

Result<UniqueFd> connect_control(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return Error{"the socket path " + path + " is too long"};
  std::memcpy(address.sun_path, path.c_str(), path.size());
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd) return Error::from_errno("cannot create a socket");
  // SAFETY: the socket calls take every address family through sockaddr.
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error::from_errno("cannot connect to vgpud at " + path);
  return fd;
}

wire::ControlMessage text_message(wire::Control type, std::string_view text) {
  wire::ControlMessage message = {};
  message.type = type;
  const size_t bytes = std::min(text.size(), sizeof message.text - 1);
  std::memcpy(message.text, text.data(), bytes);
  return message;
}

}  // namespace vgpu
