// SPDX-License-Identifier: Apache-2.0
#include "tools/vgpu_smi/trace/trace.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "common/fd.h"
#include "tools/vgpu_smi/daemon/complaint.h"
#include "tools/vgpu_smi/trace/print.h"
#include "uapi/linux/vgpu.h"
#include "vgpu/report.h"

namespace vgpu::smi {
namespace {

constexpr uint32_t kRoom = 64 << 10;
constexpr useconds_t kPause = 20'000;  // microseconds

// As a shell says it of a program.
constexpr int kNotExecutable = 126, kNoProgram = 127;

volatile sig_atomic_t stopped = 0;

// What the module looks at.
static_assert(VGPU_REPORT_TRACE == static_cast<uint32_t>(report::Kind::trace));
static_assert(VGPU_REPORT_TRACE_BEGIN == static_cast<uint32_t>(trace::Step::begin));
static_assert(offsetof(vgpu_report_trace, step) == offsetof(trace::Request, step));
static_assert(offsetof(vgpu_report_trace, pid) == offsetof(trace::Request, pid));
static_assert(offsetof(vgpu_report_trace, tracer) == offsetof(trace::Request, trace));
static_assert(VGPU_REPORT_TRACES_ANYONE == trace::kTracesAnyone);

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

  bool has_seen() const { return expected_ != 0; }

  bool print(const TracedCall& call) {
    if (call.number > expected_) gap(call.number - expected_);
    expected_ = call.number + 1;
    if (!is_wanted(options_, call)) return true;
    if (options_.json) {
      const auto replace = nlohmann::json::error_handler_t::replace;
      put(trace_json(call).dump(-1, ' ', false, replace) + "\n");
    } else {
      put(trace_line(call));
    }
    return ++printed_ != options_.count;
  }

 private:
  void gap(uint64_t lost) const {
    put(options_.json ? nlohmann::json({{"lost", lost}}).dump() + "\n" : gap_line(lost));
  }

  // A full disk must not end the program that is traced, as an exception of fmt::print would leave it alone.
  void put(const std::string& text) const { std::fwrite(text.data(), 1, text.size(), options_.out); }

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

// What ends a trace of a running program is passed on to one that was started here, unless the terminal has told it.
volatile sig_atomic_t child = 0;
void pass_on_signals(pid_t program) {
  child = program;
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  action.sa_sigaction = [](int number, siginfo_t* about, void*) {
    if (about->si_code != SI_KERNEL) ::kill(child, number);
  };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

// A process that becomes the program when a byte comes by `gate`, and ends when none can come any more.
pid_t start_waiting(const std::vector<std::string>& command, UniqueFd& gate) {
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  const UniqueFd reading(ends[0]);
  gate.reset(ends[1]);
  std::vector<char*> argv;
  for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t program = ::fork();
  if (program != 0) return program;
  gate.reset();
  char byte = 0;
  if (::read(reading.get(), &byte, 1) != 1) ::_exit(kNotExecutable);
  ::execvp(argv[0], argv.data());
  const int error = errno;
  fmt::print(stderr, "vgpu-smi: cannot run {}: {}\n", argv[0], ::strerror(error));
  ::_exit(error == ENOENT ? kNoProgram : kNotExecutable);
}

int exit_status(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

// Where a VM's older module cannot let programs be awaited (vgpu/trace.h), they are looked for until one has a session.
Result<std::unique_ptr<TraceClient>, Complaint> catch_session(pid_t program) {
  constexpr useconds_t kOften = 1'000;
  for (;;) {
    auto client = TraceClient::begin(static_cast<uint32_t>(program));
    siginfo_t ended = {};
    ::waitid(P_PID, static_cast<id_t>(program), &ended, WEXITED | WNOHANG | WNOWAIT);
    if (client.ok() || client.error().code != kNotFound || ended.si_pid != 0) return client;
    ::usleep(kOften);
  }
}

// Prints until the program has ended and no more comes. Its status, as waitpid tells it.
int follow_program(TraceClient& client, pid_t program, const TraceOptions& options) {
  constexpr int kLastQuestions = 50;
  Printer printer(options);
  int status = 0, questions = 0;
  bool has_ended = false, wanted = true, more = true;
  while (!has_ended || (more && questions < kLastQuestions)) {
    has_ended = has_ended || ::waitpid(program, &status, WNOHANG) == program;
    if (has_ended) ++questions;
    auto next = more ? client.fetch() : Result<TraceClient::Next, Complaint>(TraceClient::Next::waits);
    while (const auto call = more ? client.records().next() : std::nullopt) wanted = wanted && printer.print(*call);
    std::fflush(options.out);
    more = more && next.ok() && next.value() != TraceClient::Next::ended &&
           next.value() != TraceClient::Next::ended_in_full && !client.records().broken();
    if (!more || next.value() == TraceClient::Next::waits) ::usleep(kPause);
  }
  if (!printer.has_seen()) fmt::print(stderr, "No call was seen: process {} itself did not use the GPU.\n", program);
  return status;
}

}  // namespace

Result<std::unique_ptr<TraceClient>, Complaint> TraceClient::begin(uint32_t pid, bool awaits) {
  trace::Request question = request(trace::Step::begin, 0);
  question.pid = pid;
  question.position = awaits ? trace::kAwait : 0;
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

Result<int, Complaint> trace_program(TraceOptions options, const std::vector<std::string>& command,
                                     const std::string& file) {
  options.out = file.empty() ? stderr : std::fopen(file.c_str(), "we");
  if (options.out == nullptr) return Complaint{fmt::format("cannot write {}: {}", file, ::strerror(errno)), kOther};
  UniqueFd gate;
  const pid_t program = start_waiting(command, gate);
  if (program < 0) return Complaint{fmt::format("cannot start a process: {}", ::strerror(errno)), kOther};
  pass_on_signals(program);
  auto client = TraceClient::begin(static_cast<uint32_t>(program), true);
  const bool awaits = client.ok();
  int status = 0;
  if (!awaits && client.error().code != kNotFound) {
    gate.reset();
    ::waitpid(program, &status, 0);
    return client.error();
  }
  static_cast<void>(::write(gate.get(), "", 1));
  if (!awaits) client = catch_session(program);
  if (client.ok()) status = follow_program(*client.value(), program, options);
  else ::waitpid(program, &status, 0);
  const bool written = std::ferror(options.out) == 0;
  if (options.out != stderr) std::fclose(options.out);
  // The status stays the program's.
  if (!written) fmt::print(stderr, "vgpu-smi: not every call could be written to {}\n", file);
  return exit_status(status);
}

}  // namespace vgpu::smi
