// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/socket_session.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/futex.h"
#include "common/log.h"
#include "vgpu/report.h"

namespace vgpu::host {
namespace {

constexpr int kMessagesPerTurn = 16;
// Requests at the worker at a time; a client with more waits, so no queue of ours can grow.
constexpr size_t kMaxRequests = 64;
// Reports that wait for the card.
constexpr size_t kMaxReports = 16;
// Answers that the client's socket did not take: those of its requests, and a few more.
constexpr size_t kMaxWaiting = 2 * kMaxRequests;

// Whether a client's file is memory, and long enough. An errno.
int check_file(const Incoming& incoming) {
  const wire::ControlMessage& request = incoming.message;
  uint64_t file_end = 0;
  if (incoming.file_count != 1) return EBADF;
  if (request.offset % ring::kPage != 0 || __builtin_add_overflow(request.offset, request.size, &file_end) ||
      file_end > INT64_MAX)
    return EINVAL;
  // Only memory files know seals. Anything else could have side effects in the worker, or make it wait.
  struct stat about = {};
  if (::fcntl(incoming.files[0].get(), F_GET_SEALS) < 0 || ::fstat(incoming.files[0].get(), &about) != 0) return EBADF;
  return about.st_size < 0 || file_end > static_cast<uint64_t>(about.st_size) ? EINVAL : 0;
}

}  // namespace

SocketSession::SocketSession(EventLoop& loop, SessionHost& host, UniqueFd client)
    : Session(host), loop_(loop), host_(host), client_(std::move(client)) {
  ucred peer = {};
  socklen_t bytes = sizeof peer;
  if (::getsockopt(client_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) return;
  client_pid_ = peer.pid;
  client_user_ = peer.uid;
}

Result<std::unique_ptr<SocketSession>> SocketSession::open(EventLoop& loop, SessionHost& host, UniqueFd client) {
  std::unique_ptr<SocketSession> session(new SocketSession(loop, host, std::move(client)));
  SocketSession* self = session.get();
  session->client_watch_ =
      TRY(loop.watch(self->client_.get(), EPOLLIN, [self](uint32_t events) { self->on_client(events); }));
  return session;
}

// As with a debugger: a user's own programs, and root's is everything. So is vgpud's owner's, who could look anyway.
bool SocketSession::is_open_to(const Owner& asker) const {
  return !asker.in_vm && (asker.user == client_user_ || asker.user == 0 || asker.user == ::geteuid());
}

std::string SocketSession::name() const { return fmt::format("process {}", client_pid_); }

void SocketSession::send(const wire::ControlMessage& message, std::span<const int> files) {
  if (ended()) return;
  if (waiting_.empty() && send_control(client_.get(), message, files, MSG_DONTWAIT) != Delivery::full) return;
  // Files never wait: the message that has them is the first of all.
  if (!files.empty() || waiting_.size() >= kMaxWaiting) return break_off("does not read its answers");
  waiting_.push_back(message);
  throttle();
}

void SocketSession::send_waiting() {
  while (!waiting_.empty() && send_control(client_.get(), waiting_.front(), {}, MSG_DONTWAIT) != Delivery::full)
    waiting_.pop_front();
  throttle();
}

void SocketSession::on_client(uint32_t events) {
  // What a throttled client has sent is left where it is; only its going is of interest.
  if (throttled_ && (events & (EPOLLHUP | EPOLLERR)) != 0) return break_off(nullptr);
  if ((events & EPOLLOUT) != 0) send_waiting();
  for (int i = 0; i < kMessagesPerTurn && !ended() && !throttled_; ++i) {
    Incoming incoming = receive_control(client_.get(), MSG_DONTWAIT);
    if (incoming.receipt == Receipt::nothing) return;
    if (incoming.receipt == Receipt::closed) return break_off(nullptr);
    if (incoming.receipt == Receipt::violation) return break_off("sent a malformed message");
    on_message(incoming);
  }
}

void SocketSession::on_message(Incoming& incoming) {
  if (state() == State::refused) return;
  const wire::ControlMessage& message = incoming.message;
  switch (message.type) {
    case wire::Control::hello:
      if (state() != State::fresh) return break_off("said hello twice");
      return on_hello(message);
    case wire::Control::statistics: return host_.query_statistics(*this, message.id);
    case wire::Control::map: return on_map(incoming);
    case wire::Control::report: return on_report(incoming);
    case wire::Control::keep: on_keep(incoming); return throttle();
    case wire::Control::unmap: unmap(message.id, message.address, message.size); return throttle();
    case wire::Control::welcome:
    case wire::Control::refused:
    case wire::Control::done:
    case wire::Control::reserve:
    case wire::Control::release:
    case wire::Control::attach:
    case wire::Control::trace:
    case wire::Control::unsupported:
    case wire::Control::offer:
    case wire::Control::claim:
    case wire::Control::withdraw:
    case wire::Control::fault: break;
  }
  break_off("sent a message that is not a client's");
}

void SocketSession::on_hello(const wire::ControlMessage& hello) {
  hello_id_ = hello.id;
  std::optional<std::string> variables;
  if (hello.result != 0) variables.emplace(hello.text, ::strnlen(hello.text, sizeof hello.text));
  start(hello.format, variables);
}

void SocketSession::attach_memory() {
  auto file = create_memory_file("vgpu-session", ring::kTotalBytes);
  if (!file) return refuse(file.error().message);
  auto memory = SessionMemory::map(file->get());
  if (!memory) return refuse(memory.error().message);
  memory_file_ = std::move(*file);
  memory_.emplace(std::move(*memory));
  attach({.file = memory_file_.get()}, false);
}

void SocketSession::opened() {
  wire::ControlMessage welcome = {};
  welcome.type = wire::Control::welcome;
  welcome.format = ring::kFormat;
  welcome.id = hello_id_;
  welcome.size = ring::kTotalBytes;
  const int files[] = {memory_file_.get(), worker()->process().doorbell_fd()};
  send(welcome, files);
}

void SocketSession::on_map(const Incoming& incoming) {
  const wire::ControlMessage& request = incoming.message;
  if (state() != State::open) return answered(request.id, ENODEV);
  if (const int error = check_file(incoming); error != 0) return answered(request.id, error);
  map({.id = request.id,
       .address = request.address,
       .size = request.size,
       .adopt = request.result == 1,
       .memory = {.file = incoming.files[0].get(), .offset = request.offset}});
  throttle();
}

void SocketSession::on_keep(Incoming& incoming) {
  wire::Token token = {};
  std::memcpy(&token, incoming.message.text, sizeof token);
  answered(incoming.message.id, incoming.file_count == 1 ? keep(loop_, token, std::move(incoming.files[0])) : EBADF);
}

// The request is in the client's file, and the answer goes there.
void SocketSession::on_report(Incoming& incoming) {
  wire::ControlMessage answer = {};
  answer.type = wire::Control::report;
  answer.id = incoming.message.id;
  const uint64_t bytes = incoming.message.size;
  answer.result = bytes == 0 || bytes > report::kMaxRequest ? EINVAL : check_file(incoming);
  if (answer.result == 0 && reports_ >= kMaxReports) answer.result = EAGAIN;
  std::vector<std::byte> request(answer.result == 0 ? bytes : 0);
  if (answer.result == 0 &&
      ::pread(incoming.files[0].get(), request.data(), request.size(), 0) != static_cast<ssize_t>(bytes))
    answer.result = EINVAL;
  // Whose socket cannot be told may not ask either.
  if (answer.result == 0 && !client_user_) answer.result = EPERM;
  if (answer.result != 0) return send(answer);
  ++reports_;
  const auto file = std::make_shared<UniqueFd>(std::move(incoming.files[0]));
  host_.report(
      {.user = *client_user_}, request,
      [self = std::weak_ptr(self_), answer, file](int error, std::span<const std::byte> text) mutable {
        const auto session = self.lock();
        if (session == nullptr) return;
        --(*session)->reports_;
        if (error == 0 && ::pwrite(file->get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
          error = EIO;
        answer.result = error;
        answer.size = error == 0 ? text.size() : 0;
        (*session)->send(answer);
      });
}

void SocketSession::answered(uint64_t id, int error) {
  wire::ControlMessage done = {};
  done.type = wire::Control::done;
  done.id = id;
  done.result = error;
  send(done);
  throttle();
}

void SocketSession::tell_refused(const std::string& why) {
  wire::ControlMessage message = text_message(wire::Control::refused, why);
  message.format = ring::kFormat;
  message.id = hello_id_;
  send(message);
}

void SocketSession::tell_lost() {
  announce_end();
  throttle();
}

// Whoever waits in the session's memory is told that nobody will answer, and woken.
void SocketSession::announce_end() {
  if (!memory_) return;
  ring::Header& header = memory_->header();
  header.state.store(static_cast<uint32_t>(ring::SessionState::worker_lost), std::memory_order_seq_cst);
  header.head_word.fetch_add(1, std::memory_order_seq_cst);
  futex::wake_all(header.head_word);
  futex::wake_all(header.state);
  for (uint32_t i = 0; i < ring::kReplySlots; ++i) futex::wake_all(memory_->slot(i).state);
}

// The end of the connection; `why` is null when the client just went.
void SocketSession::break_off(const char* why) {
  if (ended()) return;
  if (why != nullptr) VGPU_WARN_THROTTLED("the connection of %s is closed: it %s", name().c_str(), why);
  client_watch_ = Watch();
  end();
}

void SocketSession::throttle() {
  if (ended()) return;
  throttled_ = requests() >= kMaxRequests || !waiting_.empty();
  const uint32_t wanted =
      (throttled_ ? 0u : static_cast<uint32_t>(EPOLLIN)) | (waiting_.empty() ? 0u : static_cast<uint32_t>(EPOLLOUT));
  if (wanted != std::exchange(expected_, wanted)) client_watch_.expect(wanted);
}

}  // namespace vgpu::host
