// SPDX-License-Identifier: Apache-2.0
// Session: one guest process and its worker, as far as that is the same for a program on this machine
// (socket_session.h) and one in a VM (vm_session.h): starting the worker, giving it the session's memory, mapping and
// unmapping ranges that both share. Guest and worker are each checked as if the other owned them. The daemon's thread
// only.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/driver_variables.h"
#include "host/daemon/owner.h"
#include "host/daemon/shared_objects.h"
#include "host/daemon/worker.h"

namespace vgpu::host {

class Session;
class SocketSession;

using ReportAnswered = std::function<void(int error, std::span<const std::byte> bytes)>;

// What a session asks of the daemon.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  // A worker, started or just starting. The error's text is for the user who started the program.
  // `variables`: what of the program's environment the driver is to read.
  virtual Result<std::unique_ptr<Worker>> take_worker(const DriverVariables& variables) = 0;
  // Answers with SocketSession::send when all workers have said what they counted.
  virtual void query_statistics(SocketSession& session, uint64_t id) = 0;
  // Answers a request of vgpu/report.h, later or before it returns: an errno, or bytes.
  virtual void report(const Owner& asker, std::span<const std::byte> request, ReportAnswered answered) = 0;
  // What the programs of this daemon have exported to each other.
  virtual SharedObjects& shared_objects() = 0;
  // It has a worker, which is given the session's memory next.
  virtual void session_begins(Session& session) = 0;
  // A context of a program of this owner died of what the program did.
  virtual void program_failed(const Owner& owner, const wire::Fault& fault) = 0;
  // The session may be destroyed after the event that is being handled.
  virtual void session_ended(Session& session) = 0;
};

// Memory for the worker: a file, and for runs of it a table (vgpu/wire.h). Borrowed for the length of a call.
struct SharedFile {
  int file = -1;
  uint64_t offset = 0;  // where there is no table
  int table = -1;
  uint64_t table_runs = 0;
};

class Session : public WorkerClient {
 public:
  ~Session() override;

  bool ended() const { return state_ == State::ended; }
  bool was_open() const { return was_open_; }
  bool was_lost() const { return was_lost_; }
  bool was_refused() const { return state_ == State::refused || was_refused_; }
  uint64_t mapped_bytes() const { return mapped_bytes_; }
  Worker* worker() { return worker_.get(); }
  // For reports: of the program, 0 when nobody has told; a number of its own among this daemon's sessions; "open".
  virtual uint32_t program() const = 0;
  virtual uint32_t vm_number() const { return 0; }
  // Of a VM's program: its user, as OPEN tells it; 0 when nobody has told.
  virtual uint32_t vm_user() const { return 0; }
  // Whether its calls are the asker's business.
  virtual bool is_open_to(const Owner& asker) const = 0;
  uint64_t key() const { return key_; }
  const char* state_name() const;
  // Whose program it is, to whom its exports are open.
  virtual Owner owner() const = 0;
  // The caller sees to the worker's end.
  std::unique_ptr<Worker> release_worker();
  // The daemon ends: tells the guest, as far as it can be told without its answer.
  virtual void announce_end() = 0;
  // "process 123", for the log.
  virtual std::string name() const = 0;

  void worker_ready() override;
  void worker_done(const wire::ControlMessage& answer) override;
  void worker_shares(Incoming& message) override;
  void worker_failed(const wire::Fault& fault) override { host_.program_failed(owner(), fault); }
  void worker_ended() override;

 protected:
  enum class State {
    fresh,      // nothing said yet
    starting,   // the worker initialises its driver
    attaching,  // it maps the session's memory
    open,
    lost,     // the worker died; answers errors until the guest goes
    refused,  // told so; waits for the guest to go
    ended,
  };
  struct RangeRequest {
    uint64_t id = 0;
    uint64_t address = 0;
    uint64_t size = 0;
    bool adopt = false;
    SharedFile memory;
  };

  explicit Session(SessionHost& host);

  // Takes a worker; attach_memory() follows when it is ready.
  // `variables`: as they crossed (common/driver_variables.h); nothing when the program has set none.
  void start(uint32_t format, const std::optional<std::string>& variables);
  // Both answer through answered(), perhaps before they return.
  void map(const RangeRequest& request);
  void unmap(uint64_t id, uint64_t address, uint64_t size);
  // What the program has exported under this token lasts until `lifeline` hangs up. An errno.
  int keep(EventLoop& loop, const wire::Token& token, UniqueFd lifeline);
  void refuse(const std::string& why);
  void end();
  State state() const { return state_; }
  size_t requests() const { return requests_.size(); }
  // The guest's ids of what the worker has not answered; it is forgotten here.
  std::vector<uint64_t> take_requests();
  void attach(const SharedFile& memory, bool remote);

  // The worker is ready for the session's memory: call attach().
  virtual void attach_memory() = 0;
  virtual void opened() = 0;
  virtual void tell_refused(const std::string& why) = 0;
  virtual void tell_lost() = 0;
  virtual void answered(uint64_t id, int error) = 0;

 private:
  struct Range {
    uint64_t size = 0;
    bool settled = false;  // the worker has it mapped, and no unmap is under way
  };
  struct Request {
    uint64_t guest_id = 0;
    uint64_t address = 0;
    bool is_map = false;
  };

  int check_map(const RangeRequest& request) const;
  void forward(wire::ControlMessage message, uint64_t guest_id, std::span<const int> files);

  SessionHost& host_;
  const uint64_t key_;
  State state_ = State::fresh;
  bool was_open_ = false, was_lost_ = false, was_refused_ = false;
  std::unique_ptr<Worker> worker_;
  uint64_t next_request_ = 1;
  std::unordered_map<uint64_t, Request> requests_;  // at the worker, by the daemon's own id
  std::map<uint64_t, Range> ranges_;                // by address; never overlapping
  uint64_t mapped_bytes_ = 0;
};

}  // namespace vgpu::host
