// SPDX-License-Identifier: Apache-2.0
#include "libcuda/transport.h"

#include <cstdlib>

#include "common/endpoints.h"
#include "libcuda/device_transport.h"
#include "libcuda/socket_transport.h"

namespace vgpu::guest {

Result<std::unique_ptr<Transport>, OpenFailure> open_transport() {
  if (const char* configured = std::getenv("VGPU_SOCKET")) return open_socket_transport(configured);
  if (has_device_node()) return open_device_transport();
  return open_socket_transport(kDefaultSocket);
}

}  // namespace vgpu::guest
