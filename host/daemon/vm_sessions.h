// SPDX-License-Identifier: Apache-2.0
// VmSessions: the sessions of one VM by their numbers, as the device asks for them. They live in the daemon's list of
// sessions; here is who has which number, and who is still leaving. Some numbers are lifelines (wire::kLifelineFormat):
// they have no worker, and keep an export of the VM's. The daemon's thread only.
#pragma once

#include <functional>
#include <set>
#include <unordered_map>
#include <vector>

#include "host/daemon/vm_session.h"

namespace vgpu::host {

class VmSessions final : public DeviceSessions {
 public:
  // `adopt`: puts a session into the daemon's list, which owns it. `guard`: told of each worker, by its pidfd, before
  // that worker gets guest memory. `max_lifelines`: they have numbers that sessions could have.
  VmSessions(EventLoop& loop, SessionHost& host, std::function<void(std::unique_ptr<Session>)> adopt,
             std::function<void(int)> guard, size_t max_lifelines)
      : loop_(loop), host_(host), adopt_(std::move(adopt)), guard_(std::move(guard)), max_lifelines_(max_lifelines) {}
  // Before the first request.
  void set_channel(DeviceChannel& channel) { channel_ = &channel; }

  void open(const OpenRequest& request) override;
  void close(uint32_t session, uint64_t cookie) override;
  void map(const MapRequest& request) override;
  void unmap(const UnmapRequest& request) override;
  void doorbell(uint32_t session) override;
  void report(const ReportRequest& request) override;
  void drop_all(std::function<void()> done) override;
  bool any() const override { return !sessions_.empty() || !lifelines_.empty(); }

 private:
  VmSession* find(uint32_t session) const;
  void left(uint32_t session);
  // An errno.
  int open_lifeline(const OpenRequest& request);
  void drop_lifelines();

  EventLoop& loop_;
  SessionHost& host_;
  const std::function<void(std::unique_ptr<Session>)> adopt_;
  const std::function<void(int)> guard_;
  const size_t max_lifelines_;
  DeviceChannel* channel_ = nullptr;
  std::unordered_map<uint32_t, VmSession*> sessions_;
  std::unordered_map<uint32_t, wire::Token> lifelines_;  // by their numbers
  std::set<uint32_t> leaving_;                           // closed, and the worker is not dead yet
  std::vector<std::function<void()>> when_empty_;
};

}  // namespace vgpu::host
