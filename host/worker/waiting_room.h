// SPDX-License-Identifier: Apache-2.0
// WaitingRoom: blocking commands whose end the dispatcher can see coming (gate.h). It asks the driver between other
// commands and carries them out itself once they cannot block, which spares two thread changes per call. What takes
// longer than it is worth to watch leaves: for a helper, or, a copy, to the device. Commands of one guest thread keep
// their order.
// The dispatcher's thread only.
#pragma once

#include <chrono>
#include <vector>

#include "host/worker/gate.h"

namespace vgpu::host {

class WaitingRoom {
 public:
  explicit WaitingRoom(Session& session) : session_(session) {}

  bool empty() const { return waiting_.empty(); }
  bool has(uint32_t guest_thread) const;
  // Takes the command if its gate can be asked about, and asks at once; else leaves it as it was. `answer` and `run` as
  // for look().
  template <class Answer, class Run>
  bool admit(CommandCopy& command, Answer answer, Run run);
  // Something else was sent: streams that were idle may not be any more.
  void disturb(uint16_t opcode) {
    quiet_ = {};
    ++sent_;
    after_copy_ = copies_on_device(opcode);
  }
  // Asks about the first command of each guest thread. `answer` gets what has been done, `run` what can be carried out,
  // `leave` what stayed too long, with all that came after it from the same thread. `held_back`: something that was
  // sent may not have reached the driver, so no stream is known to be idle.
  template <class Answer, class Run, class Leave>
  void look(bool held_back, Answer answer, Run run, Leave leave);

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr uint64_t kUnknown = ~uint64_t{0};
  struct Waiting {
    CommandCopy command;
    Clock::time_point since, deadline;
    uint64_t sent_before;                  // sent_ when it came
    Clock::time_point next_question = {};  // not before
    // What stands for the end of its stream, if anything does.
    Markers::Marker marker = {};
    EventPool::Event end = {};
    uint64_t sent = kUnknown;  // sent_ when that was asked for, if all of it had reached the driver

    bool is_marked() const { return marker.value != 0 || end; }
  };
  // A stream of which nothing is under way: what ran last was a command that waited for it.
  struct Quiet {
    uint64_t context = 0, stream = 0;
    uint32_t thread = 0;
    bool known = false;
    bool operator==(const Quiet&) const = default;
  };

  std::chrono::microseconds patience() const;
  // When it leaves for a helper.
  Clock::time_point last_moment(const Waiting& waiting) const;
  bool may_be_asked_late(const Waiting& waiting) const;
  static bool copies_on_device(uint16_t opcode);
  bool is_first(size_t index) const;
  bool is_quiet(const CommandCopy& command) const { return quiet_.known && quiet_ == stream_of(command); }
  void let_in(CommandCopy& command);
  CommandCopy leave_room(size_t index);
  GateState ask(Waiting& waiting);
  GateState ask_end(Waiting& waiting);
  bool wants_marker(const Waiting& waiting) const;
  template <class Answer, class Run>
  void conclude(const CommandCopy& command, GateState gate, Answer answer, Run run, bool is_idle = true);
  // What was sent since its end was marked may be under way.
  bool leaves_all_done(const Waiting& waiting) const {
    return !held_back_ && (!waiting.is_marked() || waiting.sent == sent_);
  }
  void mark(Waiting& waiting);
  static Quiet stream_of(const CommandCopy& command);
  static bool leaves_idle(uint16_t opcode);

  // Most launches are waited for no longer, and where the driver's call follows anyway, to ask that often costs less
  // than a marker does. Where none follows, a marker is the end of it: the last of all questions is an expensive one.
  static constexpr std::chrono::microseconds kAskedOnly{10};
  // Behind a copy it never is: the copy's engine says when it is done to the one that writes markers.
  static constexpr std::chrono::microseconds kAskedOnlyOfCopies{200};
  // Events are asked about less often.
  static constexpr std::chrono::microseconds kBetweenQuestions{5};

  Session& session_;
  Quiet quiet_;
  uint64_t sent_ = 0;             // how often something else was
  bool held_back_ = false;        // while it looks
  bool after_copy_ = false;       // what was sent last, before commands that wait, is a copy of the device's
  std::vector<Waiting> waiting_;  // in the order they came; a handful
};

template <class Answer, class Run>
bool WaitingRoom::admit(CommandCopy& command, Answer answer, Run run) {
  // Behind another one of its thread it waits, whatever it is.
  const bool is_behind = has(command.thread);
  if (!is_behind && !has_gate(command)) return false;
  if (!is_behind && is_quiet(command)) {
    conclude(command, GateState::finished, answer, run);
    return true;
  }
  let_in(command);
  if (is_behind) return true;
  const GateState gate = ask(waiting_.back());
  if (gate != GateState::open && gate != GateState::finished) return true;
  command = leave_room(waiting_.size() - 1);
  conclude(command, gate, answer, run);
  return true;
}

template <class Answer, class Run>
void WaitingRoom::conclude(const CommandCopy& command, GateState gate, Answer answer, Run run, bool is_idle) {
  if (gate == GateState::finished && only_waits(session_, command)) answer(command);
  else run(command);
  if (!is_wait(command.opcode)) ++sent_;
  // A gate that is merely open may stand for a failure, which the next wait is told as well.
  const bool leaves_quiet = gate == GateState::finished && is_idle && leaves_idle(command.opcode);
  quiet_ = leaves_quiet ? stream_of(command) : Quiet{};
}

template <class Answer, class Run, class Leave>
void WaitingRoom::look(bool held_back, Answer answer, Run run, Leave leave) {
  held_back_ = held_back;
  for (size_t i = 0; i < waiting_.size();) {
    if (!is_first(i)) {
      ++i;
      continue;
    }
    const GateState gate = ask(waiting_[i]);
    if (gate == GateState::closed && Clock::now() < last_moment(waiting_[i])) {
      ++i;
      continue;
    }
    const bool is_idle = leaves_all_done(waiting_[i]);
    const CommandCopy command = leave_room(i);
    if (gate == GateState::open || gate == GateState::finished) {
      conclude(command, gate, answer, run, is_idle);
      continue;
    }
    disturb(command.opcode);
    const uint32_t thread = command.thread;
    leave(command);
    // It is ahead of the rest now.
    for (size_t k = 0; k < waiting_.size();) {
      if (waiting_[k].command.thread != thread) {
        ++k;
        continue;
      }
      leave(leave_room(k));
    }
    i = 0;
  }
  held_back_ = false;
}

}  // namespace vgpu::host
