// SPDX-License-Identifier: Apache-2.0
// Listener: the daemon's socket in the file system. A lock file beside it (PATH.lock) says that its daemon is alive,
// so the socket of a dead one is replaced and that of a living one never is. Both files go when the listener does.
// The daemon's thread only.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/fd.h"
#include "common/result.h"

namespace vgpu::host {

class Listener {
 public:
  // `mode`: permissions of the socket. `type`: SOCK_SEQPACKET or SOCK_STREAM.
  static Result<Listener> open(const std::string& path, mode_t mode, int type);
  Listener(Listener&& other) noexcept = default;
  Listener& operator=(Listener&&) = delete;
  ~Listener();

  int fd() const { return socket_.get(); }
  const std::string& path() const { return path_; }

 private:
  Listener(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  Result<void> bind(mode_t mode, int type);

  std::string path_;
  UniqueFd lock_;
  UniqueFd socket_;
};

}  // namespace vgpu::host
