// SPDX-License-Identifier: Apache-2.0
// Channel: the queues in guest memory (vgpu/pci.h), host's end. Takes each submission once, checks it, hands it to the
// daemon's sessions; puts completions and events into the guest's queue, or keeps them while that is full. The event
// loop's thread only.
#pragma once

#include <deque>
#include <unordered_map>

#include "host/device/guest_memory.h"
#include "host/device/sessions.h"
#include "vgpu/pci.h"

namespace vgpu::host {

class Channel {
 public:
  Channel(GuestMemory& memory, DeviceSessions& sessions, uint32_t max_sessions)
      : memory_(memory), sessions_(sessions), max_sessions_(max_sessions) {}

  // The handshake: a device status (vgpu/pci.h).
  vgpu_device_status start(GuestAddr address, uint64_t nonce);
  // Forgets the guest: nothing is read or written any more, and late answers are dropped.
  void stop();
  bool running() const { return state_ != nullptr; }

  // `broken`: the guest's positions make no sense; the caller stops the device.
  enum class Advance { quiet, interrupt, broken };
  // The guest has submitted something, or has made room.
  Advance advance();
  // Whether answers wait for room in the guest's queue. It rings when it has emptied a full one, but one that fills up
  // while it is being emptied looks full to this side only: advance() must be called without a doorbell, too.
  bool keeps_answers() const { return !waiting_.empty(); }
  // Both return whether an interrupt is due.
  bool complete(uint64_t cookie, int error, int code, const std::string& reason);
  bool complete_report(uint64_t ticket, int error, std::span<const std::byte> answer);
  bool session_lost(uint32_t session);
  void beat();

 private:
  struct Open {
    uint32_t session = 0;
    uint64_t text = 0;  // the guest's page
  };
  // Where a report's request was, and its answer goes. Its own copy of the file, because memory may be unplugged.
  struct Report {
    uint64_t cookie = 0;
    uint64_t room = 0;
    UniqueFd file;
    std::vector<FileRun> runs;
  };
  // Whether an interrupt is due.
  bool submit(const vgpu_command& command);
  int submit_checked(const vgpu_command& command);
  int open(const vgpu_command& command);
  int map(const vgpu_command& command);
  int report(const vgpu_command& command);
  bool put(const vgpu_completion& completion);
  bool flush();
  bool positions_make_sense(uint32_t submission_tail) const;
  // A position that the guest, or this side, has stored.
  static uint32_t load(const __u32& word) { return __atomic_load_n(&word, __ATOMIC_ACQUIRE); }
  static void store(__u32& word, uint32_t value) { __atomic_store_n(&word, value, __ATOMIC_RELEASE); }

  GuestMemory& memory_;
  DeviceSessions& sessions_;
  const uint32_t max_sessions_;
  vgpu_channel_state* state_ = nullptr;  // in guest memory: what the guest writes there is looked at once
  vgpu_command* submissions_ = nullptr;
  vgpu_completion* completions_ = nullptr;
  uint32_t submission_head_ = 0, completion_tail_ = 0;
  std::unordered_map<uint64_t, Open> pending_;    // by cookie
  std::unordered_map<uint64_t, Report> reports_;  // by ticket, which is never used again
  uint64_t next_ticket_ = 1;
  std::deque<vgpu_completion> waiting_;  // bounded: while there are many, no command is taken
};

}  // namespace vgpu::host
