// SPDX-License-Identifier: Apache-2.0
#include "host/holder/holder.h"

#include <sys/socket.h>

#include <span>

#include "common/attached_files.h"
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
  const std::span<const int> files(&file, file >= 0 ? 1 : 0);
  // The holder does nothing but read: this does not block.
  if (send_with_files(socket_.get(), &message, sizeof message, files, 0) < 0)
    VGPU_ERROR("vgpu-holder is gone: should vgpud die, too, it takes the VM along");
}

void Holder::clear() {
  connection(-1);
  channel(-1, 0);
  interrupt(-1);
}

}  // namespace vgpu::host
