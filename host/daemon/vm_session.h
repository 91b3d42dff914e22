// SPDX-License-Identifier: Apache-2.0
// VmSession: the session of a process in a VM. Its memory is the guest's own, its requests come through the device's
// channel, and the guest learns of the worker's doings through interrupts. The daemon's thread only.
#pragma once

#include "host/daemon/event_loop.h"
#include "host/daemon/session.h"
#include "host/device/sessions.h"

namespace vgpu::host {

class VmSession final : public Session {
 public:
  VmSession(EventLoop& loop, SessionHost& host, DeviceChannel& channel, std::function<void(int)> guard, uint32_t number)
      : Session(host), loop_(loop), channel_(channel), guard_(std::move(guard)), number_(number) {}

  // Answers through the channel, perhaps before it returns. When the session is refused, `refused` is called, then it
  // leaves, and `gone` is called when its worker is dead.
  void open(const OpenRequest& request, std::function<void()> refused, std::function<void()> gone);
  void map(const MapRequest& request);
  void unmap(const UnmapRequest& request);
  void ring();
  // Ends the session; `gone` is called when its worker cannot touch guest memory any more, perhaps at once. What has
  // not been answered until then is answered with an error.
  void leave(std::function<void()> gone);

  void announce_end() override {}
  std::string name() const override;
  uint32_t program() const override { return program_; }
  uint32_t vm_user() const override { return user_; }
  Owner owner() const override { return {true, 0}; }
  uint32_t vm_number() const override { return number_; }
  bool is_open_to(const Owner& asker) const override { return asker.in_vm; }

 private:
  // Guest memory until the worker has it.
  struct Lent {
    UniqueFd file, table;
    uint64_t runs = 0;
  };
  static Result<Lent> lend(const GuestPages& pages);

  void attach_memory() override;
  void opened() override;
  void tell_refused(const std::string& why) override;
  void tell_lost() override;
  void answered(uint64_t id, int error) override { channel_.complete(id, error); }

  EventLoop& loop_;
  DeviceChannel& channel_;
  const std::function<void(int)> guard_;  // takes the worker's pidfd before it gets guest memory
  const uint32_t number_;
  uint32_t program_ = 0, user_ = 0;
  uint64_t open_cookie_ = 0;              // until OPEN is answered
  std::function<void()> refused_, gone_;  // for a refusal
  Lent memory_;
  Watch wake_watch_;
};

}  // namespace vgpu::host
