// SPDX-License-Identifier: Apache-2.0
// The transport of a VM, over /dev/vgpu0. See transport.h.
#pragma once

#include "libcuda/transport.h"

namespace vgpu::guest {

Result<std::unique_ptr<Transport>, OpenFailure> open_device_transport();

}  // namespace vgpu::guest
