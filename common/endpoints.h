// SPDX-License-Identifier: Apache-2.0
// Where a program finds its daemon: the module's node in a VM, a Unix socket on the host. VGPU_SOCKET names another
// one.
#pragma once

#include <sys/stat.h>

namespace vgpu {

constexpr const char* kDeviceNode = "/dev/vgpu0";
constexpr const char* kDefaultSocket = "/run/vgpu/vgpud.sock";

// Not by access(): for a service whose device is not allowed that fails as if there were none.
inline bool has_device_node() {
  struct stat about = {};
  return ::stat(kDeviceNode, &about) == 0;
}

}  // namespace vgpu
