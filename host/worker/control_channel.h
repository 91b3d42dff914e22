// SPDX-License-Identifier: Apache-2.0
// ControlChannel: the worker's connection to its daemon. A thread of its own maps and unmaps shared memory, answers
// questions for statistics, hands over traces, and ends the process at once when the daemon is gone. The core uses it
// as its memory budget, and to share objects with other workers, from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/control_socket.h"
#include "host/worker/core.h"
#include "host/worker/shared_range_table.h"

namespace vgpu::host {

class ControlChannel final : public MemoryBudget, public ObjectBroker {
 public:
  // `socket` stays open as long as the process. Lives as long as the process, too: its thread is never joined.
  static Result<std::unique_ptr<ControlChannel>> open(int socket, SharedRangeTable& ranges);

  bool reserve(uint64_t bytes) override;
  void release(uint64_t bytes) override;
  uint64_t limit() const override { return limit_; }
  // Of all workers of the daemon. Asks it: about 20 microseconds.
  uint64_t used() const override;

  int offer(wire::SharedObject& object, int file) override;
  int claim(wire::SharedObject& object, UniqueFd& file) override;
  void withdraw(const wire::Token& token) override;

  // From now on statistics come from this core.
  void serve(WorkerCore& core) { core_.store(&core, std::memory_order_release); }
  // Tells the daemon that the driver is ready, and waits for a guest: until a program comes. `wake_event`: what wakes
  // the sleepers of a guest in a VM.
  Attachment wait_for_guest(int wake_event);
  void say_refused(const std::string& why);
  void say_statistics(uint64_t id);
  void say_fault(const wire::Fault& fault) const;

 private:
  ControlChannel(int socket, SharedRangeTable& ranges) : socket_(socket), ranges_(ranges) {}
  Result<void> learn_limit();
  void serve_daemon();
  void on_message(Incoming& incoming);
  int on_map(const Incoming& incoming);
  int on_attach(const Incoming& incoming);
  void on_trace(Incoming& incoming);
  // Sends the question with an id of its own, and waits for its answer.
  Incoming ask(wire::ControlMessage question, int file = -1) const;
  wire::ControlMessage ask_for_memory(uint64_t bytes) const;
  int ask_about(wire::Control what, wire::SharedObject& object, int file, UniqueFd* answer_file) const;
  void send(const wire::ControlMessage& message, int file = -1) const;

  const int socket_;
  SharedRangeTable& ranges_;
  uint64_t limit_ = 0;  // set before the thread starts
  std::atomic<WorkerCore*> core_{nullptr};

  mutable std::mutex mutex_;  // guards what follows
  mutable std::condition_variable answered_;
  mutable uint64_t next_id_ = 1;
  mutable std::unordered_map<uint64_t, Incoming> answers_;
  std::condition_variable attached_;
  std::optional<SessionMemory> memory_;
  bool remote_ = false;
};

}  // namespace vgpu::host
