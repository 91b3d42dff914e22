// SPDX-License-Identifier: Apache-2.0
// SessionList: all sessions of this daemon, and the workers of those that have ended, until these are gone, too; who
// they are, and what they have counted. The daemon's thread only.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "host/daemon/reports.h"
#include "host/daemon/session.h"
#include "host/daemon/spares.h"
#include "host/daemon/traces.h"
#include "host/daemon/worker.h"

namespace vgpu::host {

class SessionList final : public TracedPrograms {
 public:
  // The spares' workers count, too; they outlive it.
  explicit SessionList(const Spares& spares) : spares_(spares) {}

  void add(std::unique_ptr<Session> session) { sessions_.push_back(std::move(session)); }
  // A client that was turned away before it had one.
  void note_refused() { ++totals_.sessions_refused; }
  // Connections that only ask are sessions, too.
  size_t size() const { return sessions_.size(); }
  // Workers that are some program's, or just were.
  size_t workers() const;
  // Whether workers are on their way out, whose last counts are yet to come.
  bool is_leaving() const { return !leaving_.empty(); }
  // Those of sessions, spares, and those on their way out.
  template <class Visit>
  void each_worker(Visit visit) const {
    for (const auto& session : sessions_)
      if (session->worker() != nullptr) visit(*session->worker());
    for (const auto& worker : spares_.workers()) visit(*worker);
    for (const auto& worker : leaving_) visit(*worker);
  }

  // Sessions that have ended; `dropped` is told of each before it is destroyed.
  void drop_ended(const std::function<void(const Session&)>& dropped);
  // Workers that are gone.
  void drop_workers();
  // The daemon ends: all are told; and all are dropped.
  void announce_end();
  void clear();

  // All but what the daemon itself knows of its device memory.
  wire::DaemonStatistics statistics() const;
  CallCounts unsupported_calls() const;
  std::vector<SessionFacts> facts() const;
  Result<uint64_t, trace::State> find_program(uint32_t pid, const Owner& asker) const override;
  bool hand_trace(uint64_t session, int pipe) override;
  bool is_session_open_to(uint64_t session, const Owner& asker) const override;

 private:
  // Null when there is none with this key.
  Session* find(uint64_t key) const;

  const Spares& spares_;
  std::list<std::unique_ptr<Session>> sessions_;
  std::list<std::unique_ptr<Worker>> leaving_;  // without a client, on their way out
  wire::DaemonStatistics totals_ = {};          // of sessions and workers that are gone
  CallCounts unsupported_;                      // the same
};

}  // namespace vgpu::host
