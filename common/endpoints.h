// SPDX-License-Identifier: Apache-2.0
// Where a program finds its daemon: the module's node in a VM, a Unix socket on the host. VGPU_SOCKET names another
// one.
#pragma once

namespace vgpu {

constexpr const char* kDeviceNode = "/dev/vgpu0";
constexpr const char* kDefaultSocket = "/run/vgpu/vgpud.sock";

}  // namespace vgpu
