// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/monitor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/codec/bytes.h"
#include "common/log.h"
#include "common/uuid_text.h"

namespace vgpu::host {
namespace {

constexpr auto kFreshness = std::chrono::milliseconds(100);
constexpr auto kIdle = std::chrono::seconds(30);
// A driver that has to wake its card takes seconds; a reading never does.
constexpr auto kStartLimit = std::chrono::seconds(30);
constexpr auto kReadLimit = std::chrono::seconds(5);
// After a failed start, or a death, the next start waits.
constexpr auto kPause = std::chrono::seconds(2);
constexpr size_t kMaxQuestions = 256;
constexpr size_t kMaxUnderWay = 16;
constexpr size_t kMaxKept = 1024;

std::vector<std::byte> refusal(nvmlReturn_t result) {
  std::vector<std::byte> bytes;
  codec::Writer(bytes).put(static_cast<int32_t>(result));
  return bytes;
}

std::string key_of(std::span<const std::byte> bytes) {
  // SAFETY: char may alias anything.
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Monitor::~Monitor() {
  watched_.clear();  // Whoever listened is gone.
  end();
}

void Monitor::start() {
  const auto now = Clock::now();
  if (pid_ >= 0) return;
  if (options_.executable.empty()) {
    know({NVML_ERROR_LIBRARY_NOT_FOUND, "vgpu-monitor is not installed beside vgpud", {}, {}});
    return fail_questions(facts_.error);
  }
  if (started_ != Clock::time_point{} && now - started_ < kPause && facts_.error != NVML_SUCCESS)
    return fail_questions(facts_.error);
  started_ = now;
  int pair[2] = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
    return fail_questions(NVML_ERROR_OPERATING_SYSTEM);
  socket_.reset(pair[0]);
  const UniqueFd theirs(pair[1]);
  ::fcntl(theirs.get(), F_SETFL, 0);
  std::vector<std::string> arguments = {"--driver", options_.driver_path,
                                        "--parent", std::to_string(::getpid()),
                                        "--log",    std::to_string(static_cast<int>(log::level()))};
  if (options_.kind == DriverKind::soft) arguments.emplace_back("--soft");
  if (!options_.sandbox) arguments.emplace_back("--no-sandbox");
  if (!options_.only.empty()) arguments.insert(arguments.end(), {"--only", options_.only});
  const auto pid = spawn_worker(options_.executable, arguments, {theirs.get()});
  if (!pid) {
    VGPU_WARN_THROTTLED("%s", pid.error().message.c_str());
    return fail_questions(NVML_ERROR_LIBRARY_NOT_FOUND);
  }
  pid_ = pid.value();
  greeted_ = false;
  auto watch = loop_.watch(socket_.get(), EPOLLIN, [this](uint32_t) { on_socket(); });
  if (!watch) {
    end();
    return fail_questions(NVML_ERROR_OPERATING_SYSTEM);
  }
  socket_watch_ = std::move(*watch);
}

void Monitor::end() {
  socket_watch_ = Watch();
  socket_.reset();
  if (pid_ >= 0) {
    ::kill(pid_, SIGKILL);
    siginfo_t about = {};
    // Killed processes end at once, unless the kernel's driver holds them: such a one is the next parent's.
    for (int i = 0;
         i < 100 && (::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WNOHANG) != 0 || about.si_pid == 0);
         ++i)
      ::usleep(1000);
  }
  pid_ = -1;
  greeted_ = false;
  for (Question& question : questions_) question.sent = false;
  if (!std::exchange(watched_, {}).empty()) on_event({0, NVML_ERROR_UNKNOWN, 0, 0});
}

void Monitor::learn(std::function<void()> ready) {
  last_used_ = Clock::now();
  if (known_) return ready();
  learners_.push_back(std::move(ready));
  start();
}

void Monitor::with_devices(std::function<void(nvmlReturn_t)> ready) {
  learn([this, ready = std::move(ready)] { ready(facts_.error); });
}

std::optional<uint32_t> Monitor::find_device(const uint8_t (&uuid)[16]) const {
  const std::string wanted = uuid_text(uuid);
  for (uint32_t i = 0; i < facts_.devices.size(); ++i)
    if (wanted == facts_.devices[i].uuid) return i;
  return std::nullopt;
}

void Monitor::ask(std::span<const std::byte> request, Answered answered) {
  const auto now = Clock::now();
  last_used_ = now;
  std::string key = key_of(request);
  if (const auto kept = kept_.find(key); kept != kept_.end() && now - kept->second.since < kFreshness)
    return answered(kept->second.answer);
  put_question(request.empty() ? monitor::kUsage : monitor::kReading, std::move(key), std::move(answered));
}

void Monitor::watch_cards(std::function<void(nvmlReturn_t)> answered) {
  last_used_ = Clock::now();
  if (!watched_.empty()) return answered(NVML_SUCCESS);
  put_question(monitor::kWatch, {}, [this, answered = std::move(answered)](std::span<const std::byte> bytes) {
    codec::Reader reader(bytes);
    auto result = static_cast<nvmlReturn_t>(reader.get<int32_t>());
    std::vector<monitor::Watched> watched;
    for (size_t i = 0; result == NVML_SUCCESS && i < facts_.devices.size() && !reader.failed(); ++i)
      watched.push_back(reader.get<monitor::Watched>());
    if (!reader.complete()) result = NVML_ERROR_UNKNOWN;
    if (result == NVML_SUCCESS) watched_ = std::move(watched);
    answered(result);
  });
}

nvmlReturn_t Monitor::has_events(uint32_t device, uint64_t types) const {
  if (device >= watched_.size()) return NVML_ERROR_UNKNOWN;
  const monitor::Watched& watched = watched_[device];
  if (watched.result != NVML_SUCCESS) return static_cast<nvmlReturn_t>(watched.result);
  return (types & ~watched.types) == 0 ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
}

void Monitor::put_question(monitor::Question kind, std::string request, Answered answered) {
  for (Question& question : questions_)
    if (question.kind == kind && question.request == request) return question.waiting.push_back(std::move(answered));
  if (questions_.size() >= kMaxQuestions) return answered(refusal(NVML_ERROR_INSUFFICIENT_RESOURCES));
  questions_.push_back({next_id_++, kind, std::move(request), {}, Clock::now(), false});
  questions_.back().waiting.push_back(std::move(answered));
  start();
  send_questions();
}

void Monitor::send_questions() {
  if (!greeted_) return;
  size_t under_way = 0;
  for (Question& question : questions_) {
    if (++under_way > kMaxUnderWay) return;
    if (question.sent) continue;
    monitor::Header header = {question.id, question.kind, static_cast<uint32_t>(question.request.size())};
    iovec parts[] = {{&header, sizeof header}, {question.request.data(), question.request.size()}};
    msghdr message = {};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    // What the socket does not take now goes with the next answer.
    if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
    question.sent = true;
    question.since = Clock::now();
  }
}

void Monitor::on_socket() {
  std::vector<std::byte> datagram(monitor::kMaxDatagram);
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got < static_cast<ssize_t>(sizeof(monitor::Header))) break;
    monitor::Header header = {};
    std::memcpy(&header, datagram.data(), sizeof header);
    const auto bytes = std::span(datagram).first(static_cast<size_t>(got)).subspan(sizeof header);
    if (header.bytes != bytes.size()) break;
    if (!greeted_) on_greeting(header, bytes);
    else if (header.id == 0) on_card_event(bytes);
    else on_answer(header.id, bytes);
    if (pid_ < 0) return;
  }
  VGPU_WARN_THROTTLED("vgpu-monitor has ended");
  end();
  if (!known_) know({NVML_ERROR_UNKNOWN, "vgpu-monitor ended while it started", {}, {}});
  fail_questions(NVML_ERROR_UNKNOWN);
}

void Monitor::on_greeting(const monitor::Header& header, std::span<const std::byte> bytes) {
  CardFacts facts;
  if (header.result != NVML_SUCCESS) {
    facts.error = static_cast<nvmlReturn_t>(header.result);
    facts.reason = key_of(bytes);
    VGPU_WARN_THROTTLED("no readings of the card: %s", facts.reason.c_str());
    end();
    know(std::move(facts));
    return fail_questions(facts_.error);
  }
  codec::Reader reader(bytes);
  facts.identity = reader.get<monitor::Identity>();
  for (uint32_t i = 0; i < std::min(facts.identity.devices, monitor::kMaxDevices) && !reader.failed(); ++i)
    facts.devices.push_back(reader.get<monitor::DeviceIdentity>());
  if (!reader.complete()) {
    end();
    know({NVML_ERROR_LIB_RM_VERSION_MISMATCH, "vgpu-monitor is of another release than vgpud", {}, {}});
    return fail_questions(facts_.error);
  }
  greeted_ = true;
  know(std::move(facts));
  send_questions();
}

void Monitor::know(CardFacts facts) {
  facts_ = std::move(facts);
  known_ = facts_.error == NVML_SUCCESS;
  for (const auto& ready : std::exchange(learners_, {})) ready();
}

void Monitor::on_answer(uint64_t id, std::span<const std::byte> bytes) {
  // Answers come in the order of the questions.
  const auto at = questions_.begin();
  if (at == questions_.end() || at->id != id) return;
  const Question question = std::move(*at);
  questions_.erase(at);
  if (question.kind != monitor::kWatch) keep(question.request, bytes);
  send_questions();
  for (const Answered& answered : question.waiting) answered(bytes);
}

void Monitor::on_card_event(std::span<const std::byte> bytes) {
  codec::Reader reader(bytes);
  const auto event = reader.get<monitor::CardEvent>();
  if (!reader.complete() || event.device >= facts_.devices.size()) return;
  if (event.result != NVML_SUCCESS) watched_.clear();
  on_event(event);
}

void Monitor::fail_questions(nvmlReturn_t result) {
  const std::vector<std::byte> bytes = refusal(result);
  for (const Question& question : std::exchange(questions_, {}))
    for (const Answered& answered : question.waiting) answered(bytes);
  if (pid_ < 0)
    for (const auto& ready : std::exchange(learners_, {})) ready();
}

void Monitor::keep(const std::string& request, std::span<const std::byte> answer) {
  const auto now = Clock::now();
  if (kept_.size() >= kMaxKept)
    std::erase_if(kept_, [&](const auto& item) { return now - item.second.since >= kFreshness; });
  if (kept_.size() >= kMaxKept) kept_.clear();
  kept_[request] = {{answer.begin(), answer.end()}, now};
}

std::optional<Monitor::Clock::time_point> Monitor::deadline() const {
  if (pid_ < 0) return std::nullopt;
  if (!greeted_) return started_ + kStartLimit;
  if (!questions_.empty()) return questions_.front().since + kReadLimit;
  return watched_.empty() ? std::optional(std::max(last_used_ + kIdle, stays_until_)) : std::nullopt;
}

void Monitor::expire() {
  const auto when = deadline();
  if (!when || Clock::now() < *when) return;
  const bool idle = greeted_ && questions_.empty();
  end();
  if (idle) return;
  VGPU_WARN_THROTTLED("vgpu-monitor does not answer and is killed");
  if (!known_) know({NVML_ERROR_TIMEOUT, "vgpu-monitor did not start within 30 seconds", {}, {}});
  fail_questions(NVML_ERROR_TIMEOUT);
}

}  // namespace vgpu::host
