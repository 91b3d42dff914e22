// SPDX-License-Identifier: Apache-2.0
// Stream: bytes and files that a connection is made of. A socket for QEMU; anything else for tests and fuzzers.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "common/fd.h"

namespace vgpu::host::vfio_user {

class Stream {
 public:
  virtual ~Stream() = default;
  // Up to buffer.size() bytes without waiting: their number, 0 at the end, -1 when there are none now. Files that came
  // with them are appended.
  virtual ptrdiff_t receive(std::span<std::byte> buffer, std::vector<UniqueFd>& files) = 0;
  // All of it at once; false when the other side does not take it, which ends the connection.
  virtual bool send(std::span<const std::byte> message) = 0;
};

// A connected, non-blocking Unix socket, borrowed.
class SocketStream final : public Stream {
 public:
  explicit SocketStream(int socket) : socket_(socket) {}
  ptrdiff_t receive(std::span<std::byte> buffer, std::vector<UniqueFd>& files) override;
  bool send(std::span<const std::byte> message) override;

 private:
  const int socket_;
};

}  // namespace vgpu::host::vfio_user
