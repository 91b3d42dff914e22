// SPDX-License-Identifier: Apache-2.0
// Connection: one conversation in vfio-user. Takes bytes as they come, carries out each whole message, answers. It
// never waits: the answer to a reset is sent when the device is done. A message that breaks the framing ends the
// connection; one that asks for the impossible is answered with an errno. The event loop's thread only.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "host/vfio_user/device.h"
#include "host/vfio_user/protocol.h"
#include "host/vfio_user/stream.h"

namespace vgpu::host::vfio_user {

class Connection {
 public:
  Connection(Stream& stream, Device& device) : stream_(stream), device_(device) {}

  // Reads what is there and carries it out. False when the connection is over, for whatever reason.
  bool advance();

 private:
  enum class Taken { nothing, message, broken };
  Taken take();
  bool is_whole() const;
  void handle();
  void dispatch(Command command);

  void on_version();
  void on_dma_map();
  void on_dma_unmap();
  void on_get_info();
  void on_get_region_info();
  void on_get_irq_info();
  void on_set_irqs();
  void on_region_read();
  void on_region_write();
  void on_region_write_multi();
  void on_reset();

  template <class T>
  bool payload(T& out) const;
  bool access_is_inside(const RegionAccess& access) const;
  void reply(std::span<const std::byte> body);
  void reply_to(const Header& request, std::span<const std::byte> body);
  template <class T>
  void reply_struct(const T& body) {
    reply(std::as_bytes(std::span(&body, 1)));
  }
  void refuse(int error);

  Stream& stream_;
  Device& device_;
  // Survives this object in callbacks of the device: an answer to a connection that is gone is dropped.
  std::shared_ptr<Connection*> self_ = std::make_shared<Connection*>(this);
  std::vector<std::byte> input_;  // the message that is being received, header first
  std::vector<UniqueFd> files_;   // that came with it
  Header header_ = {};            // of the message that is being carried out
  bool negotiated_ = false;
  bool broken_ = false;

 public:
  ~Connection() { *self_ = nullptr; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
};

}  // namespace vgpu::host::vfio_user
