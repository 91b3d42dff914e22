// SPDX-License-Identifier: Apache-2.0
#include "host/holder/holder.h"

#include <sys/socket.h>

#include <cstring>

#include "common/log.h"
#include "host/daemon/worker_process.h"

namespace vgpu::host {

Result<std::unique_ptr<Holder>> Holder::start(const std::string& executable) {
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return Error::from_errno("cannot create the holder's socket");
  UniqueFd own(pair[0]);
  const UniqueFd other(pair[1]);
  TRY(spawn_worker(executable, {}, {other.get()}, Leads::session));
  return std::unique_ptr<Holder>(new Holder(std::move(own)));
}

void Holder::tell(holder::What what, int file, uint64_t offset) {
  const holder::Message message = {what, 0, offset};
  iovec part = {const_cast<holder::Message*>(&message), sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (file >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    cmsghdr* attached = CMSG_FIRSTHDR(&header);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(attached), &file, sizeof file);
  }
  // The holder does nothing but read: this does not block.
  if (::sendmsg(socket_.get(), &header, MSG_NOSIGNAL) < 0)
    VGPU_ERROR("vgpu-holder is gone: should vgpud die, too, it takes the VM along");
}

void Holder::clear() {
  connection(-1);
  channel(-1, 0);
  interrupt(-1);
}

}  // namespace vgpu::host
