// SPDX-License-Identifier: Apache-2.0
// The release this tree builds, as --version and the daemon's log say it.
#pragma once

namespace vgpu {

constexpr const char* kVersion = "0.1.0";

}  // namespace vgpu
