// SPDX-License-Identifier: Apache-2.0
// CopiesUnderWay: copies, large or behind other work, that the dispatcher has given to the device and that their guest
// threads wait for. The device moves bytes between its memory and registered pages by itself, so that nobody need stand
// by: an event says when it is through, and the dispatcher looks at it between other commands. What takes much longer
// than its bytes do, because other work comes before it, is left to a helper. The dispatcher's thread only; answers
// come from helpers, too.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "host/worker/session.h"

namespace vgpu::host {

class CopiesUnderWay {
 public:
  using Answer = std::function<void(const CommandCopy&, CUresult)>;
  // Runs a task on the helper of a guest thread.
  using Leave = std::function<void(uint32_t guest_thread, std::function<void()> task)>;

  CopiesUnderWay(Session& session, Answer answer, Leave leave)
      : session_(session), answer_(std::move(answer)), leave_(std::move(leave)) {}

  bool empty() const { return copies_.empty(); }
  // Whether start() is worth a try at once, and for a copy that turned out to wait for other work. Asks nobody.
  static bool suits(const CommandCopy& command);
  static bool suits_late(const CommandCopy& command);
  // Takes the command if the device can carry it out by itself; leaves it as it was otherwise. What is wrong with it is
  // answered.
  // `held_back`: something that was sent before may not have reached the driver.
  bool start(CommandCopy& command, bool held_back = false);
  // Answers those that are through, and leaves those that take too long.
  void look();
  // A context may be about to die, and the events with it: nobody looks at them any more.
  void leave_all();

 private:
  using Clock = std::chrono::steady_clock;
  struct UnderWay {
    CommandCopy command;
    EventPool::Event end;
    CUstream stream = nullptr;
    uint64_t commands = 0;  // of the session, this one included; 0: others may come before it
    Clock::time_point deadline = {};
  };

  bool is_last_of_stream(const UnderWay& copy) const;
  void bring_out_prints(const UnderWay& copy, bool stream_is_idle);
  void finish(const UnderWay& copy, CUresult status);
  void leave(UnderWay copy);

  Session& session_;
  const Answer answer_;
  const Leave leave_;
  std::vector<UnderWay> copies_;  // in the order they came
};

}  // namespace vgpu::host
