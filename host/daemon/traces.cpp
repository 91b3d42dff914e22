// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/traces.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/codec/bytes.h"
#include "vgpu/report.h"

namespace vgpu::host {
namespace {

// An unprivileged process may have pipes as large as that (pipe(7)).
constexpr int kPipeBytes = 1 << 20;
constexpr size_t kMostTraces = 16;
constexpr auto kPatience = std::chrono::seconds(2);

std::vector<std::byte> bytes_of(const trace::Answer& answer, std::span<const std::byte> records = {}) {
  std::vector<std::byte> bytes;
  codec::Writer writer(bytes);
  writer.put(answer);
  writer.bytes(records.data(), records.size());
  return bytes;
}

// Whether a VM's program of that user is the tracer's business: both words are its module's (vgpu/trace.h). Only a
// module that tells a session's user has overwritten what the tracer says of itself.
bool may_trace(uint64_t tracer, uint32_t user) {
  if (user == 0) return false;
  return (tracer & trace::kTracesAnyone) != 0 || (tracer == user && user != trace::kNoUser);
}

}  // namespace

std::vector<std::byte> Traces::answer(const Owner& asker, std::span<const std::byte> bytes) {
  trace::Request request = {};
  if (bytes.size() != sizeof request) return {};
  std::memcpy(&request, bytes.data(), sizeof request);
  switch (request.step) {
    case trace::Step::begin: return bytes_of(begin(asker, request));
    case trace::Step::take: {
      Trace* const found = find(asker, request.trace);
      return found != nullptr ? take(*found, request) : bytes_of({trace::State::unknown, 0, request.trace});
    }
    case trace::Step::end: {
      const bool known = find(asker, request.trace) != nullptr;
      if (known) traces_.erase(request.trace);
      return bytes_of({known ? trace::State::ended : trace::State::unknown, 0, request.trace});
    }
  }
  return {};
}

Traces::Trace* Traces::find(const Owner& asker, uint64_t number) {
  const auto found = traces_.find(number);
  // Somebody else's is as good as none.
  return found != traces_.end() && found->second.owner == asker ? &found->second : nullptr;
}

trace::Answer Traces::begin(const Owner& asker, const trace::Request& request) {
  uint64_t number = 0;
  const trace::State state = start(asker, request, number);
  return {state, 0, number};
}

trace::State Traces::start(const Owner& asker, const trace::Request& request, uint64_t& number) {
  expire();
  const auto session = programs_.find_program(request.pid, asker);
  const bool awaits = !session.ok() && session.error() == trace::State::no_program &&
                      request.position == trace::kAwait && request.pid != 0 && (!asker.in_vm || request.trace != 0);
  if (!session.ok() && !awaits) return session.error();
  const bool is_traced = std::any_of(traces_.begin(), traces_.end(), [&](const auto& entry) {
    return session.ok() && entry.second.session == session.value() && entry.second.pipe;
  });
  int ends[2] = {-1, -1};
  if (is_traced || traces_.size() >= kMostTraces || ::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return trace::State::busy;
  Trace trace;
  trace.pipe.reset(ends[0]);
  UniqueFd writing(ends[1]);
  // Users with many pipes get small ones; more is lost then.
  ::fcntl(ends[0], F_SETPIPE_SZ, kPipeBytes);
  trace.capacity = static_cast<size_t>(std::max(::fcntl(ends[0], F_GETPIPE_SZ), 0));
  if (session.ok() && !programs_.hand_trace(session.value(), writing.get())) return trace::State::no_program;
  trace.owner = asker;
  if (session.ok()) {
    trace.session = session.value();
  } else {
    trace.awaited = request.pid;
    trace.tracer = request.trace;
    trace.writing = std::move(writing);
  }
  trace.asked = Clock::now();
  // Whoever has the number has the trace: it cannot be guessed.
  if (::getrandom(&number, sizeof number, 0) != sizeof number || !traces_.emplace(number, std::move(trace)).second)
    return trace::State::busy;
  return trace::State::running;
}

void Traces::begins(uint64_t session, uint32_t pid, uint32_t user) {
  for (auto& [number, trace] : traces_) {
    if (!trace.writing || trace.awaited != pid || !programs_.is_session_open_to(session, trace.owner)) continue;
    if (trace.owner.in_vm && !may_trace(trace.tracer, user)) continue;
    // Afterwards only the worker can write, so its end is the pipe's.
    programs_.hand_trace(session, trace.writing.get());
    trace.session = session;
    trace.writing.reset();
    return;
  }
}

// Adds what is in the pipe, as long as no more than `room` is kept.
void Traces::read(Trace& trace, size_t room) {
  int waiting = 0;
  if (!trace.pipe || room <= trace.kept.size()) return;
  if (::ioctl(trace.pipe.get(), FIONREAD, &waiting) == 0 && waiting > 0)
    // Records do not cross the pages of a pipe: it is full before every byte of it is in use.
    trace.was_full = static_cast<size_t>(waiting) > trace.capacity / 4 * 3;
  const size_t before = trace.kept.size();
  trace.kept.resize(room);
  const ssize_t got = ::read(trace.pipe.get(), trace.kept.data() + before, room - before);
  trace.kept.resize(before + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  // The end: the worker, which has the only writing end, is gone.
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) trace.pipe.reset();
}

std::vector<std::byte> Traces::take(Trace& trace, const trace::Request& request) {
  trace.asked = Clock::now();
  const uint64_t confirmed = std::clamp(request.position, trace.position, trace.position + trace.kept.size());
  trace.kept.erase(trace.kept.begin(), trace.kept.begin() + static_cast<ptrdiff_t>(confirmed - trace.position));
  trace.position = confirmed;
  const size_t most = std::min(request.room, report::kMaxAnswer);
  const size_t room = most > sizeof(trace::Answer) ? most - sizeof(trace::Answer) : 0;
  read(trace, room);
  trace::Answer answer = {trace::State::running, 0, request.trace};
  if (!trace.pipe && trace.kept.empty())
    answer.state = trace.was_full ? trace::State::ended_in_full : trace::State::ended;
  return bytes_of(answer, std::span(trace.kept).first(std::min(room, trace.kept.size())));
}

void Traces::expire() {
  const auto now = Clock::now();
  std::erase_if(traces_, [&](const auto& entry) { return now - entry.second.asked >= kPatience; });
}

std::optional<Traces::Clock::time_point> Traces::deadline() const {
  std::optional<Clock::time_point> first;
  for (const auto& [number, trace] : traces_)
    if (!first || trace.asked + kPatience < *first) first = trace.asked + kPatience;
  return first;
}

}  // namespace vgpu::host
