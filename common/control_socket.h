// SPDX-License-Identifier: Apache-2.0
// Control messages over a SOCK_SEQPACKET Unix socket: one message per datagram, files attached (vgpu/wire.h).
// Used by the daemon, its workers, the guest library's socket transport and vgpu-run. Trusts nothing that arrives:
// a datagram of the wrong size, or with more files than a message may carry, is a violation. Stateless; thread-safe as
// far as sockets are.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "common/attached_files.h"
#include "common/fd.h"
#include "common/result.h"
#include "vgpu/wire.h"

namespace vgpu {

enum class Receipt {
  message,    // one whole message
  nothing,    // none there now (MSG_DONTWAIT)
  closed,     // the other side is gone
  violation,  // not a control message; the connection is not to be trusted further
};

struct Incoming {
  Receipt receipt = Receipt::nothing;
  wire::ControlMessage message = {};  // `text` ends with NUL, whatever was sent
  UniqueFd files[kMaxAttachedFiles];  // close-on-exec
  int file_count = 0;
};

// Takes one message. `flags`: MSG_DONTWAIT or 0. Files of a refused datagram are closed.
Incoming receive_control(int socket, int flags);

enum class Delivery { sent, full, broken };

// Sends one message; never raises SIGPIPE. `full` only with MSG_DONTWAIT: the other side does not read.
Delivery send_control(int socket, const wire::ControlMessage& message, std::span<const int> files = {}, int flags = 0);

// Connects to the daemon at `path`.
Result<UniqueFd> connect_control(const std::string& path);

// A message whose `text` is cut to what fits.
wire::ControlMessage text_message(wire::Control type, std::string_view text);

}  // namespace vgpu
