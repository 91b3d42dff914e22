// SPDX-License-Identifier: Apache-2.0
#include "libcuda/shared_descriptors.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <span>

#include "common/attached_files.h"

namespace vgpu::guest {
namespace {

// A process may have only so many files under way; without its file the name is still good.
bool send_name(int socket, const wire::SharedName& name, int file) {
  const std::span<const int> files(&file, file >= 0 ? 1 : 0);
  return send_with_files(socket, &name, sizeof name, files, MSG_DONTWAIT) == sizeof name;
}

}  // namespace

Result<UniqueFd> SharedDescriptors::make(const wire::SharedName& name, const Tell& tell) {
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return Error::from_errno("cannot make a shareable handle's descriptor");
  UniqueFd end(pair[0]), given(pair[1]);
  const UniqueFd file = TRY(tell(end.get()));
  if (!send_name(end.get(), name, file.get()) && !send_name(end.get(), name, -1))
    return Error::from_errno("cannot write a shareable handle's name");
  const std::lock_guard lock(mutex_);
  exports_.push_back({std::move(end), name.token});
  count_.store(exports_.size(), std::memory_order_relaxed);
  return given;
}

std::vector<wire::Token> SharedDescriptors::take_closed() {
  std::vector<wire::Token> closed;
  if (count_.load(std::memory_order_relaxed) == 0) return closed;
  const std::lock_guard lock(mutex_);
  std::vector<pollfd> ends;
  for (const Export& made : exports_) ends.push_back({made.end.get(), 0, 0});
  if (::poll(ends.data(), ends.size(), 0) <= 0) return closed;
  std::vector<Export> open;
  for (size_t i = 0; i < exports_.size(); ++i)
    if ((ends[i].revents & POLLHUP) != 0) closed.push_back(exports_[i].token);
    else open.push_back(std::move(exports_[i]));
  exports_ = std::move(open);
  count_.store(exports_.size(), std::memory_order_relaxed);
  return closed;
}

std::optional<wire::SharedName> SharedDescriptors::read(int descriptor) {
  wire::SharedName name = {};
  ssize_t got = 0;
  do got = ::recv(descriptor, &name, sizeof name, MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC);
  while (got < 0 && errno == EINTR);
  if (got != sizeof name || name.magic != wire::kSharedNameMagic) return std::nullopt;
  return name;
}

}  // namespace vgpu::guest
