// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/session.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "common/log.h"

namespace vgpu::host {
namespace {

constexpr int kMessagesPerTurn = 16;
// Requests at the worker at a time; a client with more waits, so no queue of ours can grow.
constexpr size_t kMaxRequests = 64;
// Answers that the client's socket did not take: those of its requests, and a few more.
constexpr size_t kMaxWaiting = 2 * kMaxRequests;
// A process may have about 65 000 mappings (vm.max_map_count); the driver needs its own.
constexpr size_t kMaxRanges = 32768;
constexpr uint64_t kMaxMappedBytes = uint64_t{1} << 44;
// User addresses that a mapping may have: above the page that stays free below, within 47 bits.
constexpr uint64_t kLowestAddress = 1 << 16;
constexpr uint64_t kHighestAddress = 0x7ffffffff000;

bool page_aligned(uint64_t value) { return value % ring::kPage == 0; }

}  // namespace

Session::Session(SessionHost& host, UniqueFd client) : host_(host), client_(std::move(client)) {
  ucred peer = {};
  socklen_t bytes = sizeof peer;
  if (::getsockopt(client_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0) client_pid_ = peer.pid;
}

Result<std::unique_ptr<Session>> Session::open(EventLoop& loop, SessionHost& host, UniqueFd client) {
  std::unique_ptr<Session> session(new Session(host, std::move(client)));
  Session* self = session.get();
  session->client_watch_ =
      TRY(loop.watch(self->client_.get(), EPOLLIN, [self](uint32_t events) { self->on_client(events); }));
  return session;
}

std::unique_ptr<Worker> Session::release_worker() {
  if (worker_ != nullptr) worker_->set_client(nullptr);
  return std::move(worker_);
}

void Session::send(const wire::ControlMessage& message, std::span<const int> files) {
  if (state_ == State::ended) return;
  if (waiting_.empty() && send_control(client_.get(), message, files, MSG_DONTWAIT) != Delivery::full) return;
  // Files never wait: the message that has them is the first of all.
  if (!files.empty() || waiting_.size() >= kMaxWaiting) return break_off("does not read its answers");
  waiting_.push_back(message);
  throttle();
}

void Session::send_waiting() {
  while (!waiting_.empty() && send_control(client_.get(), waiting_.front(), {}, MSG_DONTWAIT) != Delivery::full)
    waiting_.pop_front();
  throttle();
}

void Session::on_client(uint32_t events) {
  // What a throttled client has sent is left where it is; only its going is of interest.
  if (throttled_ && (events & (EPOLLHUP | EPOLLERR)) != 0) return break_off(nullptr);
  if ((events & EPOLLOUT) != 0) send_waiting();
  for (int i = 0; i < kMessagesPerTurn && state_ != State::ended && !throttled_; ++i) {
    Incoming incoming = receive_control(client_.get(), MSG_DONTWAIT);
    if (incoming.receipt == Receipt::nothing) return;
    if (incoming.receipt == Receipt::closed) return break_off(nullptr);
    if (incoming.receipt == Receipt::violation) return break_off("sent a malformed message");
    on_message(incoming);
  }
}

void Session::on_message(Incoming& incoming) {
  if (state_ == State::refused) return;
  const wire::ControlMessage& message = incoming.message;
  switch (message.type) {
    case wire::Control::hello:
      if (state_ != State::fresh) return break_off("said hello twice");
      return on_hello(message);
    case wire::Control::statistics: return host_.query_statistics(*this, message.id);
    case wire::Control::map: return on_map(incoming);
    case wire::Control::unmap: return on_unmap(message);
    case wire::Control::welcome:
    case wire::Control::refused:
    case wire::Control::done:
    case wire::Control::reserve:
    case wire::Control::release: break;
  }
  break_off("sent a message that is not a client's");
}

void Session::on_hello(const wire::ControlMessage& hello) {
  hello_id_ = hello.id;
  if (hello.format != ring::kFormat)
    return refuse(
        fmt::format("this vgpud speaks wire format {}, the program's libcuda.so.1 speaks {}: install both "
                    "from the same release",
                    ring::kFormat, hello.format));
  std::optional<std::string> visible_devices;
  if (hello.result != 0) visible_devices.emplace(hello.text, ::strnlen(hello.text, sizeof hello.text));
  auto worker = host_.take_worker(visible_devices);
  if (!worker) return refuse(worker.error().message);
  worker_ = std::move(worker).value();
  worker_->set_client(this);
  state_ = State::starting;
  if (worker_->ready()) worker_ready();
}

void Session::worker_ready() {
  if (state_ != State::starting) return;
  state_ = State::open;
  was_open_ = true;
  wire::ControlMessage welcome = {};
  welcome.type = wire::Control::welcome;
  welcome.format = ring::kFormat;
  welcome.id = hello_id_;
  welcome.size = ring::kTotalBytes;
  const int files[] = {worker_->process().memory_fd(), worker_->process().doorbell_fd()};
  send(welcome, files);
  VGPU_INFO("session of process %d: worker %d", client_pid_, worker_->process().pid());
}

void Session::worker_ended() {
  if (state_ == State::starting) {
    const std::string& reason = worker_->reason();
    return refuse(
        !reason.empty()
            ? reason
            : fmt::format("the GPU worker ended while it started ({}); vgpud --log debug says more", worker_->end()));
  }
  if (state_ != State::open) return;
  state_ = State::lost;
  // A worker whose guest closed the session in order goes first, with status 0.
  was_lost_ = !worker_->ended_well();
  if (was_lost_)
    VGPU_WARN("session of process %d: worker %d ended: %s%s%s", client_pid_, worker_->process().pid(),
              worker_->end().c_str(), worker_->reason().empty() ? "" : "; ", worker_->reason().c_str());
  for (const auto& [id, request] : requests_) answer(request.client_id, ENODEV);
  requests_.clear();
  ranges_.clear();
  mapped_bytes_ = 0;
  throttle();
}

// An errno, or 0 when the worker may be asked.
int Session::check_map(const Incoming& incoming) const {
  const wire::ControlMessage& request = incoming.message;
  uint64_t end = 0, file_end = 0, total = 0;
  if (incoming.file_count != 1) return EBADF;
  if (request.size == 0 || !page_aligned(request.address) || !page_aligned(request.size) ||
      !page_aligned(request.offset))
    return EINVAL;
  if (__builtin_add_overflow(request.address, request.size, &end) || request.address < kLowestAddress ||
      end > kHighestAddress)
    return EINVAL;
  if (__builtin_add_overflow(request.offset, request.size, &file_end) || file_end > INT64_MAX) return EINVAL;
  // Only memory files know seals. Anything else could have side effects in the worker, or make it wait.
  struct stat about = {};
  if (::fcntl(incoming.files[0].get(), F_GET_SEALS) < 0 || ::fstat(incoming.files[0].get(), &about) != 0) return EBADF;
  if (about.st_size < 0 || file_end > static_cast<uint64_t>(about.st_size)) return EINVAL;
  if (ranges_.size() >= kMaxRanges || __builtin_add_overflow(mapped_bytes_, request.size, &total) ||
      total > kMaxMappedBytes)
    return ENOMEM;
  const auto next = ranges_.lower_bound(request.address);
  if (next != ranges_.end() && next->first < end) return EEXIST;
  if (next != ranges_.begin() && std::prev(next)->first + std::prev(next)->second.size > request.address) return EEXIST;
  return 0;
}

void Session::on_map(const Incoming& incoming) {
  const wire::ControlMessage& request = incoming.message;
  if (state_ != State::open) return answer(request.id, ENODEV);
  if (const int error = check_map(incoming); error != 0) return answer(request.id, error);
  ranges_[request.address] = {request.size, false};
  mapped_bytes_ += request.size;
  const int file = incoming.files[0].get();
  forward(request, {&file, 1});
}

void Session::on_unmap(const wire::ControlMessage& request) {
  if (state_ != State::open) return answer(request.id, ENODEV);
  const auto found = ranges_.find(request.address);
  if (found == ranges_.end() || found->second.size != request.size || !found->second.settled)
    return answer(request.id, EINVAL);
  found->second.settled = false;
  forward(request, {});
}

bool Session::forward(const wire::ControlMessage& request, std::span<const int> files) {
  wire::ControlMessage copy = {};
  copy.type = request.type;
  copy.id = next_request_++;
  copy.address = request.address;
  copy.size = request.size;
  copy.offset = request.offset;
  copy.result = request.result;
  requests_[copy.id] = {request.id, request.address, request.type == wire::Control::map};
  throttle();
  return worker_->send(copy, files);
}

void Session::worker_done(const wire::ControlMessage& done) {
  const auto found = requests_.find(done.id);
  if (found == requests_.end()) return;
  const Request request = found->second;
  requests_.erase(found);
  const auto range = ranges_.find(request.address);
  // A map that failed and an unmap that worked leave nothing; otherwise the range is there, and settled.
  if (range != ranges_.end() && request.is_map == (done.result != 0)) {
    mapped_bytes_ -= range->second.size;
    ranges_.erase(range);
  } else if (range != ranges_.end()) {
    range->second.settled = true;
  }
  answer(request.client_id, done.result);
  throttle();
}

void Session::answer(uint64_t client_id, int error) {
  wire::ControlMessage done = {};
  done.type = wire::Control::done;
  done.id = client_id;
  done.result = error;
  send(done);
}

void Session::refuse(const std::string& why) {
  state_ = State::refused;
  was_refused_ = true;
  wire::ControlMessage message = text_message(wire::Control::refused, why);
  message.format = ring::kFormat;
  message.id = hello_id_;
  send(message);
  VGPU_WARN("session of process %d refused: %s", client_pid_, why.c_str());
}

// The end of the connection; `why` is null when the client just went.
void Session::break_off(const char* why) {
  if (state_ == State::ended) return;
  if (why != nullptr) VGPU_WARN("the connection of process %d is closed: it %s", client_pid_, why);
  state_ = State::ended;
  client_watch_ = Watch();
  host_.session_ended(*this);
}

void Session::throttle() {
  throttled_ = requests_.size() >= kMaxRequests || !waiting_.empty();
  const uint32_t wanted =
      (throttled_ ? 0u : static_cast<uint32_t>(EPOLLIN)) | (waiting_.empty() ? 0u : static_cast<uint32_t>(EPOLLOUT));
  if (wanted != std::exchange(expected_, wanted)) client_watch_.expect(wanted);
}

}  // namespace vgpu::host
