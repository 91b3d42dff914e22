// SPDX-License-Identifier: Apache-2.0
// SocketSession: the session of a program on this machine: one connection, with its greeting, and memory that the
// daemon creates. The daemon's thread only.
#pragma once

#include <sys/types.h>

#include <deque>

#include "common/session_memory.h"
#include "host/daemon/event_loop.h"
#include "host/daemon/session.h"

namespace vgpu::host {

class SocketSession final : public Session {
 public:
  // `client`: a connected, non-blocking socket.
  static Result<std::unique_ptr<SocketSession>> open(EventLoop& loop, SessionHost& host, UniqueFd client);

  // What the client's socket does not take now waits, and meanwhile nothing more is read from the client.
  void send(const wire::ControlMessage& message, std::span<const int> files = {});

  void announce_end() override;
  std::string name() const override;
  uint32_t program() const override { return static_cast<uint32_t>(client_pid_); }
  bool is_open_to(const Owner& asker) const override;
  Owner owner() const override { return {false, client_user_.value_or(kNobody)}; }

 private:
  SocketSession(EventLoop& loop, SessionHost& host, UniqueFd client);
  void on_client(uint32_t events);
  void on_message(Incoming& incoming);
  void on_hello(const wire::ControlMessage& hello);
  void on_map(const Incoming& incoming);
  void on_report(Incoming& incoming);
  void on_keep(Incoming& incoming);
  void break_off(const char* why);
  void send_waiting();
  void throttle();

  void attach_memory() override;
  void opened() override;
  void tell_refused(const std::string& why) override;
  void tell_lost() override;
  void answered(uint64_t id, int error) override;

  EventLoop& loop_;
  SessionHost& host_;
  UniqueFd client_;
  Watch client_watch_;
  pid_t client_pid_ = 0;
  static constexpr uid_t kNobody = ~uid_t{0};
  std::optional<uid_t> client_user_;
  bool throttled_ = false;
  uint32_t expected_ = EPOLLIN;  // what client_watch_ waits for
  std::deque<wire::ControlMessage> waiting_;
  uint64_t hello_id_ = 0;
  UniqueFd memory_file_;
  std::optional<SessionMemory> memory_;
  size_t reports_ = 0;  // that have not been answered
  // Answers to reports come when this may be gone.
  const std::shared_ptr<SocketSession*> self_ = std::make_shared<SocketSession*>(this);
};

}  // namespace vgpu::host
