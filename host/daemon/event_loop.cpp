// SPDX-License-Identifier: Apache-2.0
#include "host/daemon/event_loop.h"

#include <array>

namespace vgpu::host {

Watch& Watch::operator=(Watch&& other) noexcept {
  if (this != &other) {
    stop();
    loop_ = std::exchange(other.loop_, nullptr);
    fd_ = other.fd_;
    token_ = other.token_;
  }
  return *this;
}

Watch::~Watch() { stop(); }

void Watch::stop() {
  if (loop_ != nullptr) std::exchange(loop_, nullptr)->forget(fd_, token_);
}

void Watch::expect(uint32_t events) {
  if (loop_ == nullptr) return;
  epoll_event event = {};
  event.events = events;
  event.data.u64 = token_;
  ::epoll_ctl(loop_->epoll_.get(), EPOLL_CTL_MOD, fd_, &event);
}

Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return Error::from_errno("cannot create an event loop");
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll)));
}

Result<Watch> EventLoop::watch(int fd, uint32_t events, EventHandler handler) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = next_token_;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return Error::from_errno("cannot watch a file");
  handlers_[next_token_] = std::make_unique<EventHandler>(std::move(handler));
  return Watch(*this, fd, next_token_++);
}

void EventLoop::turn(int timeout_ms) {
  std::array<epoll_event, 64> events;
  const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < count; ++i) {
    // The kernel's struct is packed: its fields may be copied, not referred to.
    const uint64_t token = events[static_cast<size_t>(i)].data.u64;
    const uint32_t what = events[static_cast<size_t>(i)].events;
    // A token is never used again, so an event of a file that an earlier handler gave up finds nothing.
    const auto found = handlers_.find(token);
    if (found != handlers_.end()) (*found->second)(what);
  }
  gone_.clear();
}

void EventLoop::forget(int fd, uint64_t token) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  const auto found = handlers_.find(token);
  if (found == handlers_.end()) return;
  gone_.push_back(std::move(found->second));
  handlers_.erase(found);
}

}  // namespace vgpu::host
