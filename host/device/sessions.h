// SPDX-License-Identifier: Apache-2.0
// What the device asks of whoever runs the sessions (the daemon), and what it offers to it. All on the daemon's thread;
// nothing here may block: each request is answered later, or at once, by DeviceChannel::complete.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/file_run.h"

namespace vgpu::host {

// Pages of guest memory, in the order of the list they came from; neighbouring runs are merged.
struct GuestPages {
  int file = -1;  // borrowed: the guest's memory, valid until the call returns
  std::vector<FileRun> runs;
};

struct OpenRequest {
  uint64_t cookie = 0;
  uint32_t session = 0;
  uint32_t format = 0;
  uint64_t bytes = 0;
  GuestPages pages;  // `bytes` in all
  std::optional<std::string> text;
  uint32_t program = 0;  // its process id in the VM; 0: the module did not tell
  uint32_t user = 0;     // whose it is, as trace::Request has it (vgpu/trace.h); 0: the module did not tell
};

struct MapRequest {
  uint64_t cookie = 0;
  uint32_t session = 0;
  uint64_t address = 0;
  uint64_t bytes = 0;
  bool adopt = false;
  GuestPages pages;  // `bytes` in all
};

struct UnmapRequest {
  uint64_t cookie = 0;
  uint32_t session = 0;
  uint64_t address = 0;
  uint64_t bytes = 0;
};

// From no session in particular.
struct ReportRequest {
  uint64_t ticket = 0;  // for complete_report
  std::vector<std::byte> bytes;
};

// Implemented by the daemon. Sessions are numbers from 1 to max_sessions; the device has checked that and the lists,
// but not whether a session exists or an address makes sense.
class DeviceSessions {
 public:
  virtual ~DeviceSessions() = default;
  virtual void open(const OpenRequest& request) = 0;
  virtual void close(uint32_t session, uint64_t cookie) = 0;
  virtual void map(const MapRequest& request) = 0;
  virtual void unmap(const UnmapRequest& request) = 0;
  virtual void doorbell(uint32_t session) = 0;
  virtual void report(const ReportRequest& request) = 0;
  // Ends all sessions (STOP, reset, disconnect). Their open requests are never completed. Calls `done` when no worker
  // can touch guest memory any more; at once when there is none.
  virtual void drop_all(std::function<void()> done) = 0;
  // Whether there is a session; the heartbeat beats only then.
  virtual bool any() const = 0;
};

// Implemented by the device.
class DeviceChannel {
 public:
  virtual ~DeviceChannel() = default;
  // `error`: 0 or an errno. `code` and `reason` are for an open that failed. Unknown cookies (of before a reset) are
  // ignored.
  virtual void complete(uint64_t cookie, int error, int code = 0, const std::string& reason = {}) = 0;
  // The answer to a report, or an errno. Tickets of before a reset are ignored.
  virtual void complete_report(uint64_t ticket, int error, std::span<const std::byte> answer) = 0;
  virtual void session_lost(uint32_t session) = 0;
  // Someone in the guest sleeps on a word of session memory that has changed. Interrupts are merged.
  virtual void wake_guest() = 0;
};

}  // namespace vgpu::host
