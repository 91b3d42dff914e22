// SPDX-License-Identifier: Apache-2.0
// Events: what happens to the card and to programs, as NVML's event sets show it (vgpu/event.h). Keeps the latest, and
// who waits for more. A card's own events are everybody's. An Xid that a program brought about is for those programs
// only that share its side, the VM or the socket: the host's NVML does not say whose it is, so it is kept back until a
// worker of this daemon tells of a context that died. The software GPU has no Xids; there they follow from what the
// worker tells. Requests are a guest's, workers belong to guests: nothing in either is trusted. The daemon's thread
// only.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "host/daemon/event_source.h"
#include "host/daemon/owner.h"
#include "host/monitor/protocol.h"
#include "vgpu/event.h"
#include "vgpu/nvml/nvml_types.h"
#include "vgpu/wire.h"

namespace vgpu::host {

class Events {
 public:
  using Clock = std::chrono::steady_clock;
  // `error`: an errno; then there are no bytes.
  using Answered = std::function<void(int error, std::span<const std::byte> bytes)>;

  // `clock`: what time it is.
  explicit Events(EventSource& source, std::function<Clock::time_point()> clock = &Clock::now);

  // Answers later, or before it returns.
  void ask(const Owner& asker, std::span<const std::byte> request, Answered answered);
  void program_failed(const Owner& owner, const wire::Fault& fault);
  void card_event(const monitor::CardEvent& event);
  // Answers those whose time is over; deadline(): when that is next, if ever.
  void expire();
  std::optional<Clock::time_point> deadline() const;

 private:
  // Whose an event is. The users of a socket see each other's programs, as they do in the lists of processes.
  enum class Whose { everybodys, of_vm, of_socket };
  struct Kept {
    event::Event event;
    Whose whose;
  };
  struct Waiting {
    Owner asker;
    event::Request request;
    Clock::time_point until;
    Answered answered;
  };
  // An Xid of some program, not yet known whose; or a context that died, whose Xid may follow.
  struct Unclaimed {
    uint32_t device;
    uint64_t xid;
    Clock::time_point since;
  };
  struct Failure {
    uint32_t device;
    Whose whose;
    Clock::time_point since;
  };

  nvmlReturn_t check(const event::Request& request) const;
  void settle(const Owner& asker, event::Request request, Answered answered);
  std::vector<event::Event> find(const Owner& asker, const event::Request& request) const;
  bool may_wait(const Owner& asker) const;
  void add(uint32_t device, uint64_t type, uint64_t data, Whose whose);
  // Those that `is_wanted` says yes to wait no longer.
  template <class Wanted>
  std::list<Waiting> take_waiting(Wanted is_wanted);
  void claim(uint32_t device, Whose whose);
  static Whose side_of(const Owner& owner) { return owner.in_vm ? Whose::of_vm : Whose::of_socket; }

  EventSource& source_;
  const std::function<Clock::time_point()> clock_;
  uint64_t next_;
  uint64_t asked_ = 0;  // types that anybody has asked for, ever: only those are kept
  std::deque<Kept> kept_;
  std::list<Waiting> waiting_;
  std::deque<Unclaimed> unclaimed_;
  std::deque<Failure> failures_;
};

}  // namespace vgpu::host
