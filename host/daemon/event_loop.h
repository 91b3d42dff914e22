// SPDX-License-Identifier: Apache-2.0
// EventLoop: epoll with one handler per watched file; Watch takes its file out of the loop when it is destroyed, also
// from inside a handler. The daemon's only thread runs it; nothing in a handler may block.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/fd.h"
#include "common/result.h"

namespace vgpu::host {

using EventHandler = std::function<void(uint32_t events)>;

class EventLoop;

// Destroy it before its file is closed: declare it after the file's owner.
class Watch {
 public:
  Watch() = default;
  Watch(Watch&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)), fd_(other.fd_), token_(other.token_) {}
  Watch& operator=(Watch&& other) noexcept;
  ~Watch();

  bool active() const { return loop_ != nullptr; }
  // Waits for other events from now on; 0 leaves hang-up and error.
  void expect(uint32_t events);

 private:
  friend class EventLoop;
  Watch(EventLoop& loop, int fd, uint64_t token) : loop_(&loop), fd_(fd), token_(token) {}
  void stop();

  EventLoop* loop_ = nullptr;
  int fd_ = -1;
  uint64_t token_ = 0;
};

class EventLoop {
 public:
  static Result<std::unique_ptr<EventLoop>> create();

  // Calls `handler` whenever one of `events` (EPOLLIN ...) is there, level-triggered unless EPOLLET is among
  // them. Outlive your watches.
  Result<Watch> watch(int fd, uint32_t events, EventHandler handler);

  // Waits for events and calls their handlers once. `timeout_ms` < 0 waits for ever.
  void turn(int timeout_ms);

 private:
  friend class Watch;
  explicit EventLoop(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  void forget(int fd, uint64_t token);

  UniqueFd epoll_;
  uint64_t next_token_ = 1;
  std::unordered_map<uint64_t, std::unique_ptr<EventHandler>> handlers_;
  // Handlers that went while handlers were running: one of them may be the caller.
  std::vector<std::unique_ptr<EventHandler>> gone_;
};

}  // namespace vgpu::host
