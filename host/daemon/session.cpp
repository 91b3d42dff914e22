// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/session.h"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/log.h"
#include "vgpu/ring.h"

namespace vgpu::host {
namespace {

// The daemon's own id of the one attach; map and unmap count from 1.
constexpr uint64_t kAttachId = 0;
// A process may have about 65 000 mappings (vm.max_map_count); the driver needs its own.
constexpr size_t kMaxRanges = 32768;
constexpr uint64_t kMaxMappedBytes = uint64_t{1} << 44;
// User addresses that a mapping may have: above the page that stays free below, within 47 bits.
constexpr uint64_t kLowestAddress = 1 << 16;
constexpr uint64_t kHighestAddress = 0x7ffffffff000;

bool page_aligned(uint64_t value) { return value % ring::kPage == 0; }

}  // namespace

Session::Session(SessionHost& host)
    : host_(host), key_([] {
        static uint64_t last = 0;  // The daemon has one thread.
        return ++last;
      }()) {}

Session::~Session() { host_.shared_objects().drop(key_); }

const char* Session::state_name() const {
  switch (state_) {
    case State::fresh: return "fresh";
    case State::starting:
    case State::attaching: return "starting";
    case State::open: return "open";
    case State::lost: return "lost";
    case State::refused: return "refused";
    case State::ended: return "ended";
  }
  return "";
}

std::unique_ptr<Worker> Session::release_worker() {
  if (worker_ != nullptr) worker_->set_client(nullptr);
  return std::move(worker_);
}

void Session::start(uint32_t format, const std::optional<std::string>& variables) {
  if (format != ring::kFormat)
    return refuse(
        fmt::format("this vgpud speaks wire format {}, the program's libcuda.so.1 speaks {}: install both "
                    "from the same release",
                    ring::kFormat, format));
  auto worker = host_.take_worker(variables ? parse_driver_variables(*variables) : DriverVariables());
  if (!worker) return refuse(worker.error().message);
  worker_ = std::move(worker).value();
  worker_->set_client(this);
  state_ = State::starting;
  if (worker_->ready()) worker_ready();
}

void Session::worker_ready() {
  if (state_ != State::starting) return;
  state_ = State::attaching;
  host_.session_begins(*this);
  attach_memory();
}

void Session::attach(const SharedFile& memory, bool remote) {
  wire::ControlMessage message = {};
  message.type = wire::Control::attach;
  message.id = kAttachId;
  message.size = ring::kTotalBytes;
  message.result = remote ? 1 : 0;
  const int files[] = {memory.file, memory.table};
  message.offset = memory.table >= 0 ? memory.table_runs : memory.offset;
  worker_->send(message, {files, memory.table >= 0 ? size_t{2} : size_t{1}});
}

void Session::worker_ended() {
  if (state_ == State::starting || state_ == State::attaching) {
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
    VGPU_WARN_THROTTLED("session of %s: worker %d ended: %s%s%s", name().c_str(), worker_->process().pid(),
                        worker_->end().c_str(), worker_->reason().empty() ? "" : "; ", worker_->reason().c_str());
  for (const uint64_t id : take_requests()) answered(id, ENODEV);
  host_.shared_objects().drop(key_);
  ranges_.clear();
  mapped_bytes_ = 0;
  tell_lost();
}

// An errno, or 0 when the worker may be asked.
int Session::check_map(const RangeRequest& request) const {
  uint64_t end = 0, total = 0;
  if (request.size == 0 || !page_aligned(request.address) || !page_aligned(request.size)) return EINVAL;
  if (__builtin_add_overflow(request.address, request.size, &end) || request.address < kLowestAddress ||
      end > kHighestAddress)
    return EINVAL;
  if (ranges_.size() >= kMaxRanges || __builtin_add_overflow(mapped_bytes_, request.size, &total) ||
      total > kMaxMappedBytes)
    return ENOMEM;
  const auto next = ranges_.lower_bound(request.address);
  if (next != ranges_.end() && next->first < end) return EEXIST;
  if (next != ranges_.begin() && std::prev(next)->first + std::prev(next)->second.size > request.address) return EEXIST;
  return 0;
}

void Session::map(const RangeRequest& request) {
  if (state_ != State::open) return answered(request.id, ENODEV);
  if (const int error = check_map(request); error != 0) return answered(request.id, error);
  ranges_[request.address] = {request.size, false};
  mapped_bytes_ += request.size;
  wire::ControlMessage message = {};
  message.type = wire::Control::map;
  message.address = request.address;
  message.size = request.size;
  message.result = request.adopt ? 1 : 0;
  const SharedFile& memory = request.memory;
  message.offset = memory.table >= 0 ? memory.table_runs : memory.offset;
  const int files[] = {memory.file, memory.table};
  forward(message, request.id, {files, memory.table >= 0 ? size_t{2} : size_t{1}});
}

void Session::unmap(uint64_t id, uint64_t address, uint64_t size) {
  if (state_ != State::open) return answered(id, ENODEV);
  const auto found = ranges_.find(address);
  if (found == ranges_.end() || found->second.size != size || !found->second.settled) return answered(id, EINVAL);
  found->second.settled = false;
  wire::ControlMessage message = {};
  message.type = wire::Control::unmap;
  message.address = address;
  message.size = size;
  forward(message, id, {});
}

void Session::forward(wire::ControlMessage message, uint64_t guest_id, std::span<const int> files) {
  message.id = next_request_++;
  requests_[message.id] = {guest_id, message.address, message.type == wire::Control::map};
  worker_->send(message, files);
}

void Session::worker_done(const wire::ControlMessage& done) {
  if (done.id == kAttachId) {
    if (state_ != State::attaching) return;
    if (done.result != 0)
      return refuse(fmt::format("the GPU worker cannot map the session's memory: {}", ::strerror(done.result)));
    state_ = State::open;
    was_open_ = true;
    VGPU_INFO("session of %s: worker %d", name().c_str(), worker_->process().pid());
    return opened();
  }
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
  answered(request.guest_id, done.result);
}

// What a worker offers or claims is its program's doing, and good for that program's owner only.
void Session::worker_shares(Incoming& incoming) {
  SharedObjects& objects = host_.shared_objects();
  wire::SharedObject object = {};
  std::memcpy(&object, incoming.message.text, sizeof object);
  if (incoming.message.type == wire::Control::withdraw) return objects.withdraw(key_, object.token);
  wire::ControlMessage answer = {};
  answer.type = wire::Control::done;
  answer.id = incoming.message.id;
  int file = -1;
  if (incoming.message.type == wire::Control::claim) answer.result = objects.claim(owner(), object, file);
  else answer.result = objects.offer(key_, owner(), object, std::move(incoming.files[0]));
  if (answer.result == 0) std::memcpy(answer.text, &object, sizeof object);
  worker_->send(answer, {&file, file >= 0 ? size_t{1} : size_t{0}});
}

int Session::keep(EventLoop& loop, const wire::Token& token, UniqueFd lifeline) {
  return state_ == State::open ? host_.shared_objects().keep(loop, key_, token, std::move(lifeline)) : ENODEV;
}

std::vector<uint64_t> Session::take_requests() {
  std::vector<uint64_t> ids;
  for (const auto& [id, request] : std::exchange(requests_, {})) ids.push_back(request.guest_id);
  return ids;
}

void Session::refuse(const std::string& why) {
  state_ = State::refused;
  was_refused_ = true;
  VGPU_WARN_THROTTLED("session of %s refused: %s", name().c_str(), why.c_str());
  tell_refused(why);
}

void Session::end() {
  if (state_ == State::ended) return;
  state_ = State::ended;
  host_.session_ended(*this);
}

}  // namespace vgpu::host
