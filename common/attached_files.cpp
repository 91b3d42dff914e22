// SPDX-License-Identifier: Apache-2.0
#include "common/attached_files.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace vgpu {

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

}  // namespace vgpu
