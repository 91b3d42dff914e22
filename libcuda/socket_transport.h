// SPDX-License-Identifier: Apache-2.0
// The transport of processes on the daemon's own machine, over a Unix socket. See transport.h.
#pragma once

#include <string>

#include "libcuda/transport.h"

namespace vgpu::guest {

Result<std::unique_ptr<Transport>, OpenFailure> open_socket_transport(const std::string& path);

}  // namespace vgpu::guest
