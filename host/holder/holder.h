// SPDX-License-Identifier: Apache-2.0
// Holder: vgpud's side of the process that outlives it (main.cpp beside this). What vgpud tells it is done when vgpud
// dies. The daemon's thread only.
#pragma once

#include <memory>
#include <string>

#include "common/fd.h"
#include "common/result.h"
#include "host/holder/message.h"

namespace vgpu::host {

class Holder {
 public:
  // Starts `executable`.
  static Result<std::unique_ptr<Holder>> start(const std::string& executable);

  // All files are borrowed; -1 takes back what was said.
  void connection(int socket) { tell(holder::What::connection, socket, 0); }
  void interrupt(int event) { tell(holder::What::interrupt, event, 0); }
  void channel(int file, uint64_t offset) { tell(holder::What::channel, file, offset); }
  // Before the worker gets guest memory.
  void worker(int pidfd) { tell(holder::What::worker, pidfd, 0); }
  // The connection is over, in order.
  void clear();

 private:
  explicit Holder(UniqueFd socket) : socket_(std::move(socket)) {}
  void tell(holder::What what, int file, uint64_t offset);

  const UniqueFd socket_;
};

}  // namespace vgpu::host
