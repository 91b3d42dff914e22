// SPDX-License-Identifier: Apache-2.0
#include "common/attached_files.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vgpu {
namespace {

// Room for more than a datagram may carry, so that a surplus is seen (and closed) instead of being cut off.
constexpr size_t kControlBytes = CMSG_SPACE(sizeof(int) * (kMaxAttachedFiles + 1));

// Takes over every file that came with the datagram.
void take_files(msghdr& header, std::span<UniqueFd, kMaxAttachedFiles> files, Arrival& arrival) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      UniqueFd file(fd);
      if (arrival.file_count == kMaxAttachedFiles) arrival.is_whole = false;
      else files[static_cast<size_t>(arrival.file_count++)] = std::move(file);
    }
  }
}

}  // namespace

ssize_t send_with_files(int socket, const void* bytes, size_t size, std::span<const int> files, int flags) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxAttachedFiles)] = {};
  iovec part = {const_cast<void*>(bytes), size};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!files.empty()) {
    const size_t file_bytes = std::min<size_t>(files.size(), kMaxAttachedFiles) * sizeof(int);
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(file_bytes);
    cmsghdr* const attached = CMSG_FIRSTHDR(&header);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(file_bytes);
    std::memcpy(CMSG_DATA(attached), files.data(), file_bytes);
  }
  ssize_t sent = -1;
  do sent = ::sendmsg(socket, &header, flags | MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  return sent;
}

Arrival receive_with_files(int socket, void* bytes, size_t size, std::span<UniqueFd, kMaxAttachedFiles> files,
                           int flags) {
  alignas(cmsghdr) char control[kControlBytes];
  iovec part = {bytes, size};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  Arrival arrival;
  do arrival.size = ::recvmsg(socket, &header, flags | MSG_CMSG_CLOEXEC);
  while (arrival.size < 0 && errno == EINTR);
  if (arrival.size < 0) return arrival;
  arrival.is_whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  take_files(header, files, arrival);
  return arrival;
}

}  // namespace vgpu
