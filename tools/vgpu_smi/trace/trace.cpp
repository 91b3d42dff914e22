// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/trace/trace.h"

#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "tools/vgpu_smi/daemon/complaint.h"
#include "tools/vgpu_smi/trace/print.h"
#include "uapi/linux/vgpu.h"
#include "vgpu/report.h"

namespace vgpu::smi {
namespace {

constexpr uint32_t kRoom = 64 << 10;
constexpr useconds_t kPause = 20'000;  // microseconds

volatile sig_atomic_t stopped = 0;

// What the module looks at.
static_assert(VGPU_REPORT_TRACE == static_cast<uint32_t>(report::Kind::trace));
static_assert(VGPU_REPORT_TRACE_BEGIN == static_cast<uint32_t>(trace::Step::begin));
static_assert(offsetof(vgpu_report_trace, step) == offsetof(trace::Request, step));
static_assert(offsetof(vgpu_report_trace, pid) == offsetof(trace::Request, pid));

Complaint refusal(trace::State state, uint32_t pid) {
  switch (state) {
    case trace::State::no_program: {
      const bool exists = ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM;
      if (!exists)
        return {fmt::format("There is no process {}. vgpu-smi shows those that use the GPU.", pid), kNotFound};
      return {fmt::format("Process {} does not use the GPU now. vgpu-smi shows those that do.", pid), kNotFound};
    }
    case trace::State::not_yours:
      return {fmt::format("Process {} is another user's. Ask that user, or root, to trace it.", pid), kNoPermission};
    case trace::State::busy:
      return {fmt::format("Process {} is being traced already, or too many are. A trace ends two seconds after its "
                          "vgpu-smi.",
                          pid),
              kOther};
    case trace::State::running:
    case trace::State::ended:
    case trace::State::ended_in_full:
    case trace::State::unknown: break;
  }
  return {"The trace has ended: vgpud had not been asked for two seconds. Begin it anew.", kOther};
}

Result<std::vector<std::byte>, Complaint> ask(nvml::ReportClient& client, const trace::Request& request,
                                              trace::Answer& answer) {
  auto got = client.ask(std::as_bytes(std::span(&request, 1)), kRoom);
  // EPERM is the module's word: in a VM only it knows users. EACCES would be the node's.
  if (!got.ok() && got.error().error_number == EPERM) return refusal(trace::State::not_yours, request.pid);
  if (!got.ok()) return explain(got.error());
  std::vector<std::byte>& bytes = got.value();
  if (bytes.size() < sizeof answer)
    return Complaint{"vgpud's answer makes no sense. Is it of the same release? vgpud --version tells.", kOther};
  std::memcpy(&answer, bytes.data(), sizeof answer);
  bytes.erase(bytes.begin(), bytes.begin() + sizeof answer);
  return std::move(bytes);
}

trace::Request request(trace::Step step, uint64_t number) {
  return {static_cast<uint32_t>(report::Kind::trace), step, 0, kRoom, number, 0};
}

bool is_wanted(const TraceOptions& options, const TracedCall& call) {
  return (!options.only_errors || call.result != 0) && call.name.find(options.only) != std::string::npos;
}

// Prints calls in the order they came. False when enough were printed, or nobody reads.
class Printer {
 public:
  explicit Printer(const TraceOptions& options) : options_(options) {}

  bool print(const TracedCall& call) {
    if (call.number > expected_) gap(call.number - expected_);
    expected_ = call.number + 1;
    if (!is_wanted(options_, call)) return true;
    if (options_.json) {
      const auto replace = nlohmann::json::error_handler_t::replace;
      fmt::print("{}\n", trace_json(call).dump(-1, ' ', false, replace));
    } else {
      fmt::print("{}", trace_line(call));
    }
    return ++printed_ != options_.count;
  }

 private:
  void gap(uint64_t lost) const {
    if (options_.json) fmt::print("{}\n", nlohmann::json({{"lost", lost}}).dump());
    else fmt::print("{}", gap_line(lost));
  }

  const TraceOptions& options_;
  uint64_t expected_ = 0, printed_ = 0;
};

void stop_on_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stopped = 1; };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

void say_end(const TraceOptions& options, TraceClient::Next next) {
  std::fflush(stdout);
  if (next == TraceClient::Next::ended_in_full)
    fmt::print(stderr, "Process {} has ended. It was faster than this, so its last calls may be missing.\n",
               options.pid);
  else fmt::print(stderr, "Process {} has ended.\n", options.pid);
}

}  // namespace

Result<std::unique_ptr<TraceClient>, Complaint> TraceClient::begin(uint32_t pid) {
  trace::Request question = request(trace::Step::begin, 0);
  question.pid = pid;
  trace::Answer answer = {};
  nvml::ReportClient client;
  TRY(ask(client, question, answer));
  if (answer.state != trace::State::running) return refusal(answer.state, pid);
  return std::unique_ptr<TraceClient>(new TraceClient(answer.trace));
}

TraceClient::~TraceClient() {
  trace::Answer answer = {};
  static_cast<void>(ask(client_, request(trace::Step::end, number_), answer));
}

Result<TraceClient::Next, Complaint> TraceClient::fetch() {
  trace::Request question = request(trace::Step::take, number_);
  question.position = position_;
  trace::Answer answer = {};
  const std::vector<std::byte> bytes = TRY(ask(client_, question, answer));
  position_ += bytes.size();
  records_.add(bytes);
  switch (answer.state) {
    case trace::State::running: return bytes.empty() ? Next::waits : Next::more;
    case trace::State::ended: return Next::ended;
    case trace::State::ended_in_full: return Next::ended_in_full;
    case trace::State::no_program:
    case trace::State::not_yours:
    case trace::State::busy:
    case trace::State::unknown: break;
  }
  return refusal(answer.state, 0);
}

Result<int, Complaint> follow_trace(const TraceOptions& options) {
  const std::unique_ptr<TraceClient> client = TRY(TraceClient::begin(options.pid));
  stop_on_signals();
  if (!options.json)
    fmt::print(stderr,
               "Calls of process {} as its worker carries them out; those that libcuda.so.1 answers itself are not "
               "among them.\n",
               options.pid);
  Printer printer(options);
  while (stopped == 0) {
    const TraceClient::Next next = TRY(client->fetch());
    while (const auto call = client->records().next())
      if (!printer.print(*call)) return kSuccess;
    if (client->records().broken())
      return Complaint{"A record makes no sense. Is vgpud of the same release? vgpud --version tells.", kOther};
    if (std::fflush(stdout) != 0) return kOther;  // Nobody reads any more.
    if (next == TraceClient::Next::ended || next == TraceClient::Next::ended_in_full) {
      say_end(options, next);
      return kSuccess;
    }
    if (next == TraceClient::Next::waits) ::usleep(kPause);
  }
  return kSuccess;
}

}  // namespace vgpu::smi
