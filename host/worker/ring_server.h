// SPDX-License-Identifier: Apache-2.0
// RingServer: the consumer of a session's command ring. Takes commands in ring order, copies each out once, runs it
// inline, when it no longer blocks, or on a helper, and answers through its reply slot. Spins a little when the ring is
// empty, then announces that it sleeps and waits on the doorbell. One thread calls run().
#pragma once

#include "common/ring_pages.h"
#include "common/spin.h"
#include "host/worker/answers_due.h"
#include "host/worker/copies_under_way.h"
#include "host/worker/helpers.h"
#include "host/worker/launch_lanes.h"
#include "host/worker/launch_sequences.h"
#include "host/worker/session.h"
#include "host/worker/session_launches.h"
#include "host/worker/waiting_room.h"

namespace vgpu::host {

class RingServer {
 public:
  explicit RingServer(Session& session)
      : session_(session),
        waiting_(session),
        copies_(
            session, [this](const CommandCopy& command, CUresult result) { answer_copy(command, result); },
            [this](uint32_t thread, std::function<void()> task) {
              // Without a helper the dispatcher waits: the copy is under way already.
              if (!helpers_.submit(thread, std::move(task))) task();  // NOLINT(bugprone-use-after-move): it stays then
            }),
        launches_(session, [this](const CommandCopy& command) { return run_command(command); }),
        sequences_(make_sequences(true, {})),
        lanes_(LaunchLanes::suitable_count(),
               [this](bool may_make_graphs) { return make_sequences(may_make_graphs, kOfLane); }) {}

  // Returns when the session is closed, or when the guest broke the ring's rules.
  void run();

 private:
  // There are several, and they hold what the dispatcher's own have not taken.
  static constexpr LaunchSequences::Limits kOfLane = {4, 32};

  // The command at `position_`, if one is published, and how long it is. `broken` when its header cannot be right.
  enum class Taken { nothing, command, broken };
  Taken take(CommandCopy& command, uint32_t& units);
  void prefetch_after(uint32_t units) const;
  void release(uint64_t units);
  void carry_out(CommandCopy& command, uint32_t units);
  void look_around(unsigned taken);
  void idle(Spinner& spinner);
  void publish_head();
  void catch_up();
  void wake_producers();
  bool has_backlog(uint64_t units) const;
  bool collect_blob(CommandCopy& command, uint64_t blob);
  void handle(CommandCopy& command);
  bool blocks(const CommandCopy& command);
  void to_helper(CommandCopy command);
  bool admit(CommandCopy& command);
  void look_after_waiting();
  CUresult run_command(const CommandCopy& command);
  uint32_t text_flag(CUresult result);
  void answer_copy(const CommandCopy& command, CUresult result);
  void answer_done(const CommandCopy& command);
  void note_posted(const CommandCopy& command, CUresult result);
  void refuse(const CommandCopy& command, CUresult result);
  void answer(const CommandCopy& command, CUresult result, std::vector<std::byte>& bytes, uint32_t flags);
  std::unique_ptr<LaunchSequences> make_sequences(bool may_make_graphs, const LaunchSequences::Limits& limits);
  void measure_depth();
  bool has_news() const;
  bool has_news_soon() const;
  void sleep();

  Session& session_;
  WaitingRoom waiting_;
  CopiesUnderWay copies_;
  AnswersDue answers_due_;
  Helpers helpers_;  // after what its tasks use
  SessionLaunches launches_;
  const std::unique_ptr<LaunchSequences> sequences_;
  LaunchLanes lanes_;
  // In units; ours alone: what was consumed, what of it producers were told of, and where they were last woken for
  // good.
  uint64_t position_ = 0, published_ = 0, caught_up_ = 0;
  RingPages ring_pages_{session_.memory, RingPages::kAll};  // while it has nothing to do at the beginning
  unsigned in_a_row_ = 0;                                   // commands since the ring was empty
  unsigned looked_ = 0;                                     // how often it has been found empty since the last command
};

}  // namespace vgpu::host
