// SPDX-License-Identifier: Apache-2.0
// Short descriptions of the runtime's errors. Constants with static storage; pure.
#pragma once

namespace vgpu::runtime {

// "invalid argument" for 1, or NULL for a number that is no error's.
const char* error_text(int code) noexcept;

}  // namespace vgpu::runtime
