// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/session_list.h"

#include <algorithm>
#include <cstring>

namespace vgpu::host {
namespace {

// Every counter of Statistics, so that sums cannot forget one.
void add_to(wire::Statistics& sum, const wire::Statistics& more) {
  constexpr size_t kCounters = sizeof(wire::Statistics) / sizeof(uint64_t);
  uint64_t left[kCounters], right[kCounters];
  std::memcpy(left, &sum, sizeof sum);
  std::memcpy(right, &more, sizeof more);
  for (size_t i = 0; i < kCounters; ++i) left[i] += right[i];
  const uint64_t deepest = std::max(sum.ring_depth, more.ring_depth);
  std::memcpy(&sum, left, sizeof sum);
  sum.ring_depth = deepest;
}

// Programs say the names: what one after the other makes up must not fill our memory.
void add_to(CallCounts& sum, const CallCounts& more) {
  constexpr size_t kMostNames = 1024;
  for (const auto& [name, times] : more)
    if (sum.size() < kMostNames || sum.contains(name)) sum[name] += times;
}

}  // namespace

size_t SessionList::workers() const {
  const auto has_worker = [](const std::unique_ptr<Session>& session) { return session->worker() != nullptr; };
  return leaving_.size() + static_cast<size_t>(std::count_if(sessions_.begin(), sessions_.end(), has_worker));
}

void SessionList::drop_ended(const std::function<void(const Session&)>& dropped) {
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    Session& session = **at;
    if (!session.ended()) {
      ++at;
      continue;
    }
    totals_.sessions += session.was_open() ? 1 : 0;
    totals_.sessions_refused += session.was_refused() ? 1 : 0;
    totals_.workers_lost += session.was_lost() ? 1 : 0;
    dropped(session);
    if (std::unique_ptr<Worker> worker = session.release_worker()) {
      worker->finish();
      leaving_.push_back(std::move(worker));
    }
    at = sessions_.erase(at);
  }
}

void SessionList::drop_workers() {
  std::vector<std::function<void()>> gone;
  std::erase_if(leaving_, [this, &gone](const std::unique_ptr<Worker>& worker) {
    if (!worker->ended()) return false;
    wire::Statistics work = worker->statistics();
    work.device_bytes = 0;  // What it held went with it.
    add_to(totals_.work, work);
    add_to(unsupported_, worker->unsupported());
    if (worker->when_gone) gone.push_back(std::move(worker->when_gone));
    return true;
  });
  for (const auto& tell : gone) tell();
}

void SessionList::announce_end() {
  for (const auto& session : sessions_) session->announce_end();
}

void SessionList::clear() {
  sessions_.clear();
  leaving_.clear();
}

wire::DaemonStatistics SessionList::statistics() const {
  wire::DaemonStatistics sum = totals_;
  each_worker([&](Worker& worker) { add_to(sum.work, worker.statistics()); });
  for (const auto& session : sessions_) {
    sum.sessions += session->was_open() ? 1 : 0;
    sum.sessions_open += session->was_open() && !session->ended() ? 1 : 0;
    sum.sessions_refused += session->was_refused() ? 1 : 0;
    sum.workers_lost += session->was_lost() ? 1 : 0;
    sum.mapped_bytes += session->mapped_bytes();
  }
  return sum;
}

CallCounts SessionList::unsupported_calls() const {
  CallCounts sum = unsupported_;
  each_worker([&](Worker& worker) { add_to(sum, worker.unsupported()); });
  return sum;
}

Result<uint64_t, trace::State> SessionList::find_program(uint32_t pid, const Owner& asker) const {
  trace::State why = trace::State::no_program;
  for (const auto& session : sessions_) {
    const bool in_vm = session->vm_number() != 0;
    if (session->worker() == nullptr || session->ended() || !session->was_open() || pid == 0 ||
        session->program() != pid || in_vm != asker.in_vm)
      continue;
    if (session->is_open_to(asker)) return session->key();
    why = trace::State::not_yours;
  }
  return why;
}

Session* SessionList::find(uint64_t key) const {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(), [&](auto& one) { return one->key() == key; });
  return found == sessions_.end() ? nullptr : found->get();
}

bool SessionList::is_session_open_to(uint64_t key, const Owner& asker) const {
  const Session* const session = find(key);
  return session != nullptr && (session->vm_number() != 0) == asker.in_vm && session->is_open_to(asker);
}

bool SessionList::hand_trace(uint64_t key, int pipe) {
  Session* const session = find(key);
  if (session == nullptr || session->worker() == nullptr) return false;
  wire::ControlMessage message = {};
  message.type = wire::Control::trace;
  const int files[] = {pipe};
  return session->worker()->send(message, files);
}

std::vector<SessionFacts> SessionList::facts() const {
  std::vector<SessionFacts> facts;
  for (const auto& session : sessions_) {
    Worker* const worker = session->worker();
    // Connections that only ask have none.
    if (worker == nullptr || session->ended()) continue;
    facts.push_back({session->key(), session->program(), session->vm_number(),
                     static_cast<uint32_t>(worker->process().pid()), session->was_open(), session->state_name(),
                     session->mapped_bytes(), worker->statistics(), worker->unsupported()});
  }
  return facts;
}

}  // namespace vgpu::host
