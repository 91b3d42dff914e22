// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/worker.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "common/call_name.h"
#include "common/log.h"

namespace vgpu::host {
namespace {

// A driver on a machine that has just woken its card takes seconds.
constexpr auto kStartLimit = std::chrono::seconds(60);
// Counters are worth a moment, not more: the guest's process is gone already.
constexpr auto kFinishLimit = std::chrono::milliseconds(250);
constexpr uint64_t kFinalQuery = std::numeric_limits<uint64_t>::max();
constexpr int kMessagesPerTurn = 16;

}  // namespace

Result<std::unique_ptr<Worker>> Worker::start(EventLoop& loop, MemoryLimit& limit, const WorkerOptions& options) {
  std::unique_ptr<Worker> worker(new Worker(limit, TRY(WorkerProcess::start(options))));
  TRY(worker->watch(loop));
  worker->has_context_ = options.ready_context;
  worker->deadline_ = Clock::now() + kStartLimit;
  return worker;
}

Result<void> Worker::watch(EventLoop& loop) {
  control_watch_ = TRY(loop.watch(process_->control(), EPOLLIN, [this](uint32_t) { on_control(); }));
  process_watch_ = TRY(loop.watch(process_->pidfd(), EPOLLIN, [this](uint32_t) { on_process(); }));
  return {};
}

bool Worker::send(const wire::ControlMessage& message, std::span<const int> files) {
  if (ended()) return false;
  const Delivery delivery = send_control(process_->control(), message, files, MSG_DONTWAIT);
  if (delivery == Delivery::full) break_off("does not take messages");
  // A broken connection is the beginning of its end, which tells more.
  return delivery == Delivery::sent;
}

void Worker::on_control() {
  for (int i = 0; i < kMessagesPerTurn && !ended(); ++i) {
    Incoming incoming = receive_control(process_->control(), MSG_DONTWAIT);
    if (incoming.receipt == Receipt::nothing) return;
    if (incoming.receipt == Receipt::closed) {
      // Its end follows; a worker that closed its socket and lives on is of no use.
      control_watch_ = Watch();
      process_->kill();
      return;
    }
    if (incoming.receipt == Receipt::violation) return break_off("sent a malformed message");
    on_message(incoming);
  }
}

void Worker::on_message(Incoming& incoming) {
  const wire::ControlMessage& message = incoming.message;
  switch (message.type) {
    case wire::Control::welcome:
      if (ready_) return break_off("said welcome twice");
      ready_ = true;
      if (!finishing_) deadline_.reset();
      if (client_ != nullptr) client_->worker_ready();
      return;
    case wire::Control::refused:
      if (!ready_) refusal_ = message.text;
      return;
    case wire::Control::done:
      if (client_ != nullptr) client_->worker_done(message);
      return;
    case wire::Control::reserve: return on_reserve(message);
    case wire::Control::offer:
    case wire::Control::claim:
    case wire::Control::withdraw:
      // Only a guest has objects to share; one that has just left shares nothing any more.
      if (client_ != nullptr) return client_->worker_shares(incoming);
      if (finishing_ || told_to_end_) return;
      break;
    case wire::Control::release:
      if (!share_.release(message.size)) break_off("gave back device memory that it did not hold");
      return;
    case wire::Control::statistics:
      std::memcpy(&statistics_, message.text, sizeof statistics_);
      if (finishing_ && message.id == kFinalQuery) return kill();
      answered_query_ = std::min(message.id, asked_query_);
      if (wanted_query_ > answered_query_) ask_statistics(wanted_query_);
      return;
    case wire::Control::unsupported: return on_unsupported(message.text, message.size);
    case wire::Control::fault: {
      wire::Fault fault = {};
      std::memcpy(&fault, message.text, sizeof fault);
      if (client_ != nullptr) client_->worker_failed(fault);
      return;
    }
    case wire::Control::hello:
    case wire::Control::attach:
    case wire::Control::map:
    case wire::Control::unmap:
    case wire::Control::report:
    case wire::Control::trace:
    case wire::Control::keep: break;
  }
  break_off("sent a message that is not a worker's");
}

void Worker::on_reserve(const wire::ControlMessage& request) {
  wire::ControlMessage answer = {};
  answer.type = wire::Control::done;
  answer.id = request.id;
  answer.result = share_.reserve(request.size) ? 0 : ENOMEM;
  answer.size = limit_.limit();
  answer.offset = limit_.used();
  send(answer);
}

void Worker::on_unsupported(std::string_view name, uint64_t times) {
  auto known = unsupported_.find(name);
  if (!is_call_name(name) || (known == unsupported_.end() && unsupported_.size() >= kMaxCallNames))
    return break_off("named calls that cannot be");
  if (known == unsupported_.end()) known = unsupported_.emplace(name, 0).first;
  known->second = times;
}

void Worker::on_process() {
  // What it said last may still be in the socket.
  if (control_watch_.active()) on_control();
  const auto end = process_->reap();
  if (!end) return;
  end_ = *end;
  deadline_.reset();
  control_watch_ = Watch();
  process_watch_ = Watch();
  if (told_to_end_) return;
  if (client_ != nullptr) client_->worker_ended();
}

void Worker::break_off(const char* why) {
  if (told_to_end_) return;
  VGPU_WARN_THROTTLED("worker %d %s and is killed", process_->pid(), why);
  if (refusal_.empty()) refusal_ = std::string("the GPU worker ") + why;
  process_->kill();
}

// One question at a time: a worker that is slow to answer must not find its socket full of what others want to know.
void Worker::ask_statistics(uint64_t query) {
  wanted_query_ = query;
  if (finishing_ || asked_query_ > answered_query_) return;
  asked_query_ = query;
  send_question(query);
}

void Worker::send_question(uint64_t query) {
  wire::ControlMessage request = {};
  request.type = wire::Control::statistics;
  request.id = query;
  send(request);
}

void Worker::finish() {
  if (finishing_ || ended()) return;
  client_ = nullptr;
  finishing_ = true;
  if (!ready_) return kill();
  deadline_ = Clock::now() + kFinishLimit;
  send_question(kFinalQuery);
}

void Worker::kill() {
  told_to_end_ = true;
  process_->kill();
}

void Worker::expire() {
  if (!deadline_ || Clock::now() < *deadline_) return;
  deadline_.reset();
  if (finishing_) return kill();
  break_off("did not start within 60 seconds");
}

}  // namespace vgpu::host
