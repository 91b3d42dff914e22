// SPDX-License-Identifier: Apache-2.0
#include "host/vfio_user/server.h"

#include <poll.h>
#include <sys/socket.h>

#include "common/log.h"

namespace vgpu::host::vfio_user {

void shut_down(int socket) {
  ::shutdown(socket, SHUT_RDWR);
  char unread[4096];
  while (::recv(socket, unread, sizeof unread, MSG_DONTWAIT) > 0) {
  }
}

Result<std::unique_ptr<Server>> Server::listen(EventLoop& loop, const std::string& path, Device& device) {
  Listener listener = TRY(Listener::open(path, 0600, SOCK_STREAM));
  std::unique_ptr<Server> server(new Server(loop, device, std::move(listener)));
  Server* const self = server.get();
  server->listener_watch_ = TRY(loop.watch(self->listener_.fd(), EPOLLIN, [self](uint32_t) { self->accept(); }));
  return server;
}

bool Server::peer_is_gone() const {
  pollfd end = {socket_.get(), POLLRDHUP, 0};
  return ::poll(&end, 1, 0) == 1;
}

void Server::accept() {
  UniqueFd socket(::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return;
  // A device that is pulled and plugged at once: both are there in the same turn of the loop, in any order.
  if (connection_ != nullptr && peer_is_gone()) close();
  if (connection_ != nullptr) {
    VGPU_WARN_THROTTLED("vfio-user: a second connection is refused: one vgpud serves one VM");
    return shut_down(socket.get());
  }
  auto watch = loop_.watch(socket.get(), EPOLLIN, [this](uint32_t events) { on_event(events); });
  if (!watch) return shut_down(socket.get());
  socket_ = std::move(socket);
  socket_watch_ = std::move(*watch);
  stream_ = std::make_unique<SocketStream>(socket_.get());
  connection_ = std::make_unique<Connection>(*stream_, device_);
  VGPU_INFO("a VM is connected");
  device_.connected(socket_.get());
}

void Server::on_event(uint32_t) {
  if (connection_ != nullptr && !connection_->advance()) close();
}

void Server::close() {
  if (connection_ == nullptr) return;
  connection_.reset();
  socket_watch_ = Watch();
  shut_down(socket_.get());
  socket_.reset();
  stream_.reset();
  VGPU_INFO("the VM is gone");
  device_.disconnected();
}

}  // namespace vgpu::host::vfio_user
