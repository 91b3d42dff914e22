// SPDX-License-Identifier: Apache-2.0
// Traces: the calls of programs while somebody asks for them (vgpu/trace.h). Each trace is a pipe that the program's
// worker fills. It is emptied when it is asked about, so that memory is bounded by the pipe and one answer; nobody asks
// for two seconds, and it is closed, which stops the worker's writing. Requests and records are a guest's: nothing in
// them is trusted, and records are passed on as bytes. The daemon's thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "common/fd.h"
#include "common/result.h"
#include "host/daemon/owner.h"
#include "vgpu/trace.h"

namespace vgpu::host {

// Where the programs are.
class TracedPrograms {
 public:
  virtual ~TracedPrograms() = default;
  // The key of that program's session, if `asker` may know its calls; else why not.
  virtual Result<uint64_t, trace::State> find_program(uint32_t pid, const Owner& asker) const = 0;
  // Lets the session's worker write into `pipe`. False when it is gone.
  virtual bool hand_trace(uint64_t session, int pipe) = 0;
  // Whether that session's calls are the asker's business.
  virtual bool is_session_open_to(uint64_t session, const Owner& asker) const = 0;
};

class Traces {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Traces(TracedPrograms& programs) : programs_(programs) {}

  // Empty when the request makes no sense.
  std::vector<std::byte> answer(const Owner& asker, std::span<const std::byte> request);
  // A session of that program has a worker, which serves nobody yet: whoever awaits the program sees all its calls.
  // `user`: of a VM's program, as trace::Request has it; 0 when its module does not tell.
  void begins(uint64_t session, uint32_t pid, uint32_t user);
  // Closes what nobody asks for any more; deadline(): when that is next, if ever.
  void expire();
  std::optional<Clock::time_point> deadline() const;

 private:
  struct Trace {
    Owner owner;
    uint64_t session = 0;
    UniqueFd pipe;  // the reading end; none: the program has ended
    // While there is no session: the program, and the other end.
    uint32_t awaited = 0;
    uint64_t tracer = 0;  // in a VM: who asked
    UniqueFd writing;
    size_t capacity = 0;
    bool was_full = false;
    uint64_t position = 0;        // of the first of `kept`
    std::vector<std::byte> kept;  // not confirmed yet
    Clock::time_point asked;
  };

  trace::Answer begin(const Owner& asker, const trace::Request& request);
  trace::State start(const Owner& asker, const trace::Request& request, uint64_t& number);
  std::vector<std::byte> take(Trace& trace, const trace::Request& request);
  static void read(Trace& trace, size_t room);
  Trace* find(const Owner& asker, uint64_t number);

  TracedPrograms& programs_;
  std::map<uint64_t, Trace> traces_;
};

}  // namespace vgpu::host
