// SPDX-License-Identifier: Apache-2.0
// Session: one connection of a client: its greeting, its worker, and the memory files that it shares with the worker.
// Client and worker are each checked as if the other owned them. The daemon's thread only.
#pragma once

#include <sys/types.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "common/control_socket.h"
#include "host/daemon/event_loop.h"
#include "host/daemon/worker.h"

namespace vgpu::host {

class Session;

// What a session asks of the daemon.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  // A worker, started or just starting. The error's text is for the user who started the client.
  // `visible_devices`: the program's CUDA_VISIBLE_DEVICES, when it has one.
  virtual Result<std::unique_ptr<Worker>> take_worker(const std::optional<std::string>& visible_devices) = 0;
  // Answers with Session::send when all workers have said what they counted.
  virtual void query_statistics(Session& session, uint64_t id) = 0;
  // The session may be destroyed after the event that is being handled.
  virtual void session_ended(Session& session) = 0;
};

class Session final : public WorkerClient {
 public:
  // `client`: a connected, non-blocking socket.
  static Result<std::unique_ptr<Session>> open(EventLoop& loop, SessionHost& host, UniqueFd client);

  pid_t client_pid() const { return client_pid_; }
  bool ended() const { return state_ == State::ended; }
  bool was_open() const { return was_open_; }
  bool was_lost() const { return was_lost_; }
  bool was_refused() const { return was_refused_; }
  uint64_t mapped_bytes() const { return mapped_bytes_; }
  Worker* worker() { return worker_.get(); }
  // The caller sees to the worker's end.
  std::unique_ptr<Worker> release_worker();

  // What the client's socket does not take now waits, and meanwhile nothing more is read from the client.
  void send(const wire::ControlMessage& message, std::span<const int> files = {});

  void worker_ready() override;
  void worker_done(const wire::ControlMessage& answer) override;
  void worker_ended() override;

 private:
  enum class State {
    fresh,     // nothing said yet
    starting,  // the worker initialises its driver
    open,
    lost,     // the worker died; answers errors until the client goes
    refused,  // told so; waits for the client to go
    ended,
  };
  struct Range {
    uint64_t size = 0;
    bool settled = false;  // the worker has it mapped, and no unmap is under way
  };
  struct Request {
    uint64_t client_id = 0;
    uint64_t address = 0;
    bool is_map = false;
  };

  Session(SessionHost& host, UniqueFd client);
  void on_client(uint32_t events);
  void on_message(Incoming& incoming);
  void on_hello(const wire::ControlMessage& hello);
  void on_map(const Incoming& incoming);
  void on_unmap(const wire::ControlMessage& request);
  int check_map(const Incoming& incoming) const;
  bool forward(const wire::ControlMessage& request, std::span<const int> files);
  void answer(uint64_t client_id, int error);
  void refuse(const std::string& why);
  void break_off(const char* why);
  void send_waiting();
  void throttle();

  SessionHost& host_;
  UniqueFd client_;
  Watch client_watch_;
  pid_t client_pid_ = 0;
  State state_ = State::fresh;
  bool was_open_ = false, was_lost_ = false, was_refused_ = false;
  bool throttled_ = false;
  uint32_t expected_ = EPOLLIN;  // what client_watch_ waits for
  std::deque<wire::ControlMessage> waiting_;
  uint64_t hello_id_ = 0;
  std::unique_ptr<Worker> worker_;
  uint64_t next_request_ = 1;
  std::unordered_map<uint64_t, Request> requests_;  // at the worker, by the daemon's own id
  std::map<uint64_t, Range> ranges_;                // by address; never overlapping
  uint64_t mapped_bytes_ = 0;
};

}  // namespace vgpu::host
