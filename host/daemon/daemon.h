// SPDX-License-Identifier: Apache-2.0
// Daemon: the event loop with everything on it: listener, sessions, workers, limits, totals. One thread, which never
// blocks between start and end; it trusts neither clients nor workers, and never loads a CUDA library.
#pragma once

#include <memory>
#include <vector>

#include "host/daemon/budget.h"
#include "host/daemon/event_loop.h"
#include "host/daemon/events.h"
#include "host/daemon/gpu_choice.h"
#include "host/daemon/listener.h"
#include "host/daemon/metrics_server.h"
#include "host/daemon/monitor.h"
#include "host/daemon/options.h"
#include "host/daemon/reports.h"
#include "host/daemon/session_list.h"
#include "host/daemon/socket_session.h"
#include "host/daemon/spares.h"
#include "host/daemon/traces.h"
#include "host/daemon/vm_sessions.h"
#include "host/daemon/worker.h"
#include "host/daemon/worker_files.h"
#include "host/device/vm_device.h"

namespace vgpu::host {

class Daemon final : public SessionHost, public ReportSource {
 public:
  static Result<std::unique_ptr<Daemon>> create(const Options& options);
  ~Daemon() override;

  // Serves until a signal or the lifeline ends it.
  void run();

  Result<std::unique_ptr<Worker>> take_worker(const DriverVariables& variables) override;
  void query_statistics(SocketSession& session, uint64_t id) override;
  void report(const Owner& asker, std::span<const std::byte> request, ReportAnswered answered) override {
    reports_->ask(asker, request, std::move(answered));
  }
  SharedObjects& shared_objects() override { return shared_objects_; }
  void program_failed(const Owner& owner, const wire::Fault& fault) override { events_->program_failed(owner, fault); }
  void session_begins(Session& session) override {
    traces_.begins(session.key(), session.program(), session.vm_user());
  }
  void session_ended(Session&) override { sessions_changed_ = true; }

 private:
  struct Query {
    SocketSession* session;  // whose end ends the question; null: nobody's
    uint64_t number;         // what the workers are asked to echo
    Clock::time_point deadline;
    std::function<void()> answer;
  };
  struct Timer {
    Clock::time_point when;
    std::function<void()> run;
  };

  Daemon(const Options& options, WorkerOptions worker, std::unique_ptr<EventLoop> loop)
      : options_(options),
        worker_options_(std::move(worker)),
        loop_(std::move(loop)),
        limit_(options.memory_limit),
        shared_objects_(worker_options_.kind),
        spares_(*loop_, limit_, options.prestart, options.ready_contexts) {}
  Result<void> choose_one_gpu();
  Result<void> watch_ends();
  Result<void> listen();
  Result<void> serve_vm();
  Result<PciIdentity> identity() const;
  void accept_clients();
  void turn_away();
  void tidy();
  void query(SocketSession* session, std::function<void()> answer);
  void answer_queries();
  void run_timers();
  void make_worker_files();
  void prepare_reports();
  Result<void> serve_metrics();
  void with_statistics(std::function<void()> done) override { query(nullptr, std::move(done)); }
  std::vector<SessionFacts> session_facts() const override { return sessions_.facts(); }
  wire::DaemonStatistics daemon_statistics() const override;
  CallCounts unsupported_calls() const override { return sessions_.unsupported_calls(); }
  void after(std::chrono::milliseconds time, std::function<void()> done) override;
  int milliseconds_to_wait() const;
  void announce_ready() const;

  const Options options_;
  WorkerOptions worker_options_;
  std::optional<WorkerFiles> worker_files_;
  std::optional<HostGpu> gpu_;  // the only one, by --gpu
  std::unique_ptr<EventLoop> loop_;
  MemoryLimit limit_;
  SharedObjects shared_objects_;  // outlives the sessions
  std::unique_ptr<Listener> listener_;
  UniqueFd signals_, lifeline_;
  UniqueFd spare_fd_;  // given up for a moment to turn a client away when descriptors run out
  Watch listener_watch_, signals_watch_, lifeline_watch_;
  Spares spares_;
  SessionList sessions_{spares_};
  std::unique_ptr<Holder> holder_;
  std::unique_ptr<VmSessions> vm_sessions_;
  std::unique_ptr<VmDevice> vm_device_;
  std::unique_ptr<Monitor> monitor_;
  Traces traces_{sessions_};
  std::unique_ptr<Events> events_;
  std::unique_ptr<Reports> reports_;
  std::unique_ptr<MetricsServer> metrics_;
  std::vector<Query> queries_;
  std::vector<Timer> timers_;
  uint64_t next_query_ = 1;
  bool sessions_changed_ = false;
  bool stopping_ = false;
};

}  // namespace vgpu::host
