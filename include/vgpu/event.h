// SPDX-License-Identifier: Apache-2.0
// Events of NVML on their way from vgpud to a guest's library (report::Kind::events, vgpu/report.h). Events are
// numbered as they come, and kept for a while; a client says up to where it has them. The answer waits until there is
// one, or until the time is over, so that waiting costs neither side anything. Little-endian.
#pragma once

#include <cstdint>

namespace vgpu::event {

// Bits of NVML's event types: an Xid, and all that the library of driver 580 takes, two more than it says that it has.
constexpr uint64_t kXid = 0x8;
constexpr uint64_t kKnownTypes = 0xffff;

constexpr uint64_t kFromNow = ~uint64_t{0};
// Milliseconds. A longer wait is asked for again: what its asker has forgotten must not be kept for long.
constexpr uint32_t kLongestWait = 10'000;
constexpr uint32_t kMostEvents = 127;  // in an answer, which fits into a page

struct Request {
  uint32_t kind;          // report::Kind::events
  uint32_t milliseconds;  // to wait, at most; 0: answered at once
  uint64_t since;         // the first number that is new; kFromNow: none of those before, and whether there can be any
  uint64_t devices;       // bit per index. From the first request on their events are kept
  uint64_t types;
};
static_assert(sizeof(Request) == 32);

// Then as many Event.
struct Answer {
  int32_t result;  // nvmlReturn_t: whether such events of such devices can be had
  uint32_t count;
  uint64_t next;  // Request::since of the next request
};
static_assert(sizeof(Answer) == 16);

struct Event {
  uint64_t number;
  uint64_t type;  // one bit
  uint64_t data;  // of an Xid: its number
  uint32_t device;
  uint32_t reserved;
};
static_assert(sizeof(Event) == 32);

}  // namespace vgpu::event
