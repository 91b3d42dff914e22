// SPDX-License-Identifier: Apache-2.0
// Worker: the daemon's side of one worker process: what it says on its control socket, its share of device memory,
// what it counted, and its end. The worker belongs to its guest and is not trusted: a message that makes no sense
// kills it. The daemon's thread only.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "common/control_socket.h"
#include "host/daemon/budget.h"
#include "host/daemon/event_loop.h"
#include "host/daemon/worker_process.h"

namespace vgpu::host {

using Clock = std::chrono::steady_clock;
// Calls by name, and how often.
using CallCounts = std::map<std::string, uint64_t, std::less<>>;

// Whoever a worker works for. Calls come from the event loop.
class WorkerClient {
 public:
  virtual ~WorkerClient() = default;
  virtual void worker_ready() = 0;
  // The answer to a map or unmap that was sent with send().
  virtual void worker_done(const wire::ControlMessage& answer) = 0;
  // An offer, claim or withdrawal of a shared object.
  virtual void worker_shares(Incoming& message) = 0;
  // A context died of what the program did.
  virtual void worker_failed(const wire::Fault& fault) = 0;
  // The process is gone; Worker::end() says why.
  virtual void worker_ended() = 0;
};

class Worker {
 public:
  static Result<std::unique_ptr<Worker>> start(EventLoop& loop, MemoryLimit& limit, const WorkerOptions& options);

  WorkerProcess& process() { return *process_; }
  void set_client(WorkerClient* client) { client_ = client; }
  bool ready() const { return ready_; }
  // Whether it was started to have a context by then.
  bool has_context() const { return has_context_; }
  bool ended() const { return !end_.empty(); }
  // How the process ended, and what it, or the daemon on its behalf, said about the reason; empty when nothing.
  const std::string& end() const { return end_; }
  // Called, once, by whoever drops the worker after its end: its memory is free then. Set it before finish().
  std::function<void()> when_gone;
  bool ended_well() const { return end_ == "exit status 0"; }
  const std::string& reason() const { return refusal_; }

  // False when the worker is gone, or stuck, and then killed.
  bool send(const wire::ControlMessage& message, std::span<const int> files = {});

  // Asks for its counters; answered_query() reaches `query` when they are there.
  void ask_statistics(uint64_t query);
  uint64_t answered_query() const { return answered_query_; }
  const wire::Statistics& statistics() const { return statistics_; }
  const CallCounts& unsupported() const { return unsupported_; }
  uint64_t memory_held() const { return share_.held(); }

  // Its client is gone: collects the counters, then ends the process. ended() tells when that is done.
  void finish();
  void kill();

  // When expire() wants to be called, if ever: start-up and finish() have time limits.
  std::optional<Clock::time_point> deadline() const { return deadline_; }
  void expire();

 private:
  Worker(MemoryLimit& limit, std::unique_ptr<WorkerProcess> process)
      : share_(limit), limit_(limit), process_(std::move(process)) {}
  Result<void> watch(EventLoop& loop);
  void on_control();
  void on_message(Incoming& incoming);
  void on_reserve(const wire::ControlMessage& request);
  void on_unsupported(std::string_view name, uint64_t times);
  void on_process();
  void send_question(uint64_t query);
  void break_off(const char* why);

  MemoryShare share_;
  MemoryLimit& limit_;
  std::unique_ptr<WorkerProcess> process_;
  Watch control_watch_;
  Watch process_watch_;
  WorkerClient* client_ = nullptr;
  bool ready_ = false;
  bool has_context_ = false;
  bool finishing_ = false;
  bool told_to_end_ = false;
  std::string refusal_;
  std::string end_;
  std::optional<Clock::time_point> deadline_;
  wire::Statistics statistics_ = {};
  CallCounts unsupported_;
  uint64_t wanted_query_ = 0, asked_query_ = 0, answered_query_ = 0;
};

}  // namespace vgpu::host
