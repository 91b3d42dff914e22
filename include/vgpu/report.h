// SPDX-License-Identifier: Apache-2.0
// Reports: what vgpud tells about the card and its users to a program that has no session, and needs none. A request
// and an answer, both opaque to whatever carries them: Control::report on the daemon's socket, VGPU_IOCTL_REPORT in a
// VM. docs/nvml.md describes the content. Little-endian.
#pragma once

#include <cstdint>

namespace vgpu::report {

constexpr uint32_t kMaxRequest = 4096;
constexpr uint32_t kMaxAnswer = 256 * 1024;

// The first word of a request. Unknown ones are answered with ENOSYS.
enum class Kind : uint32_t {
  overview = 1,  // u32 flags, 0 -> JSON: host, devices, sessions, totals
  reading = 2,   // a call of NVML -> its result (common/nvml/reading.h)
};

constexpr uint32_t kFormat = 1;  // of the JSON; fields are added without a change of it

}  // namespace vgpu::report
