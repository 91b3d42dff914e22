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
  overview = 1,   // u32 flags, 0 -> JSON: host, devices, sessions, totals
  reading = 2,    // a call of NVML -> its result (common/nvml/reading.h)
  processes = 3,  // -> u32 count, as many Process
  trace = 4,      // the calls of one program: trace::Request -> trace::Answer (vgpu/trace.h)
  events = 5,     // what happens to the card and to programs: event::Request -> event::Answer (vgpu/event.h)
};

// A program with a session.
struct Process {
  uint32_t pid;           // its own, in its VM
  uint32_t percent;       // of the GPU that it kept busy lately; kUnknownPercent when the driver does not tell
  uint64_t device_bytes;  // held; on all of its devices together
  uint64_t devices;       // bit per index: it uses this one
  uint64_t seen;          // when `percent` was found out: microseconds since 1970
};
static_assert(sizeof(Process) == 32);
constexpr uint32_t kUnknownPercent = ~uint32_t{0};

constexpr uint32_t kFormat = 1;  // of the JSON; fields are added without a change of it

}  // namespace vgpu::report
