// SPDX-License-Identifier: Apache-2.0
#include "common/control_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vgpu {
namespace {

// Room for more than a message may carry, so that a surplus is seen (and closed) instead of being cut off.
constexpr size_t kControlBytes = CMSG_SPACE(sizeof(int) * (kMaxAttachedFiles + 1));

// Takes over every file that came with the datagram. False when there are too many.
bool take_files(msghdr& header, Incoming& incoming) {
  bool fits = (header.msg_flags & MSG_CTRUNC) == 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      UniqueFd file(fd);
      if (incoming.file_count == kMaxAttachedFiles) fits = false;
      else incoming.files[incoming.file_count++] = std::move(file);
    }
  }
  return fits;
}

}  // namespace

Incoming receive_control(int socket, int flags) {
  Incoming incoming;
  alignas(cmsghdr) char control[kControlBytes];
  iovec bytes = {&incoming.message, sizeof incoming.message};
  msghdr header = {};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  ssize_t got = -1;
  do got = ::recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got < 0) {
    incoming.receipt = errno == EAGAIN ? Receipt::nothing : Receipt::closed;
    return incoming;
  }
  const bool files_fit = take_files(header, incoming);
  if (got == 0 && (header.msg_flags & MSG_TRUNC) == 0) incoming.receipt = Receipt::closed;
  else if (!files_fit || got != sizeof incoming.message || (header.msg_flags & MSG_TRUNC) != 0)
    incoming.receipt = Receipt::violation;
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
