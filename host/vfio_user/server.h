// SPDX-License-Identifier: Apache-2.0
// Server: listens for QEMU on a Unix socket and serves one connection at a time; the next one when that is over. The
// event loop's thread only.
#pragma once

#include <memory>
#include <string>

#include "host/daemon/event_loop.h"
#include "host/daemon/listener.h"
#include "host/vfio_user/connection.h"

namespace vgpu::host::vfio_user {

class Server {
 public:
  static Result<std::unique_ptr<Server>> listen(EventLoop& loop, const std::string& path, Device& device);
  ~Server() { close(); }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Ends the connection as QEMU survives it: it reads end-of-file, whatever it has sent that was not read.
  void close();

 private:
  Server(EventLoop& loop, Device& device, Listener listener)
      : loop_(loop), device_(device), listener_(std::move(listener)) {}
  void accept();
  bool peer_is_gone() const;
  void on_event(uint32_t events);

  EventLoop& loop_;
  Device& device_;
  Listener listener_;
  Watch listener_watch_;
  UniqueFd socket_;
  std::unique_ptr<SocketStream> stream_;
  std::unique_ptr<Connection> connection_;
  Watch socket_watch_;
};

// Shuts a connection down and takes what is still unread. QEMU aborts when its server goes with unread bytes in the
// socket.
void shut_down(int socket);

}  // namespace vgpu::host::vfio_user
