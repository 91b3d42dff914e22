// SPDX-License-Identifier: Apache-2.0
#include "host/vfio_user/stream.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace vgpu::host::vfio_user {
namespace {

// The kernel passes at most SCM_MAX_FD (253) with a message; QEMU 16. What does not fit is closed by the kernel.
constexpr size_t kMaxReceived = 32;

void take_files(msghdr& header, std::vector<UniqueFd>& files) {
  for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int file = -1;
      std::memcpy(&file, CMSG_DATA(at) + i * sizeof file, sizeof file);
      files.emplace_back(file);
    }
  }
}

}  // namespace

ptrdiff_t SocketStream::receive(std::span<std::byte> buffer, std::vector<UniqueFd>& files) {
  iovec part = {buffer.data(), buffer.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxReceived)] = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(socket_, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? -1 : 0;
  take_files(header, files);
  return got;
}

bool SocketStream::send(std::span<const std::byte> message) {
  ssize_t sent = 0;
  do sent = ::send(socket_, message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(message.size());
}

}  // namespace vgpu::host::vfio_user
