// SPDX-License-Identifier: Apache-2.0
// LaunchSequences: what a program launches again and again in one stream reaches the driver as a graph. A driver's
// launch takes microseconds, one of a graph of thirty kernels as long as one of them, and a chain of kernel nodes
// means what a stream's order means (CUDA C++ Programming Guide, CUDA Graphs). While the program is ahead of this
// worker, its launches are kept for a moment, until a sequence is complete: where one ends depends on the launches
// alone, so a program that repeats itself makes the same sequences again, wherever it began. The first times they are
// made one by one (docs/decisions/012). Whatever is not such a launch ends what is kept, before it is carried out. One
// thread at a time.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "host/worker/kept_launches.h"
#include "host/worker/sequence_book.h"
#include "host/worker/session.h"

namespace vgpu::host {

class LaunchSequences {
 public:
  // What becomes of the launches.
  class Maker {
   public:
    virtual ~Maker() = default;
    // Makes one by itself. False when it failed.
    virtual bool make(const CommandCopy& launch) = 0;
    // Makes its context current, and finds the driver's stream. False when it has none.
    virtual bool enter(const CommandCopy& launch, CUstream& stream) = 0;
    // These, of one stream, are about to be given to the driver as a graph; and they have been.
    virtual void begins(std::span<const CommandCopy> launches, CUstream stream) = 0;
    virtual void made(std::span<const CommandCopy> launches) = 0;
  };

  // Of how many guest threads launches are kept at once, and how many graphs there may be.
  struct Limits {
    size_t threads = 16, graphs = SequenceBook::kMostGraphs;
  };

  // Without `enabled` it takes nothing. All three outlive it.
  LaunchSequences(const Driver& driver, const HandleTable& handles, Maker& maker, bool enabled, const Limits& limits);

  bool keeps() const { return open_ != 0; }
  // Takes the command if it is a launch that goes on with what is kept; leaves it as it was otherwise.
  bool go_on_with(CommandCopy& command);
  // What has to reach the driver before this command is given to it: of a launch, what its thread has launched before,
  // and what its stream comes behind.
  void end_before(const CommandCopy& command) {
    if (open_ != 0) end_ordered(command);
  }
  // Takes the command if it may be a sequence's first. `backlog`: whether others wait behind it.
  template <class Backlog>
  bool begin_with(CommandCopy& command, Backlog backlog) {
    if (!enabled_ || open_ == kept_.size()) return false;
    const std::optional<wire::Launch> launch = suitable_launch(command);
    if (!launch) return false;
    if (rest_ != 0) {
      --rest_;
      return false;
    }
    if (!backlog()) return false;
    kept_[open_++].add(command, *launch);
    return true;
  }
  void make_alone(const CommandCopy& launch) { maker_.make(launch); }
  // All that is kept is given to the driver.
  void end();
  // Ends what has been kept for too long. Now and then.
  void look();
  // Before any other command.
  void notice(uint16_t opcode);
  // What has launches of other meaning than a graph's kernel nodes, from then on.
  static bool changes_meaning(uint16_t opcode);

 private:
  // The launch that the command is, if it is one that may be kept.
  static std::optional<wire::Launch> suitable_launch(const CommandCopy& command);
  void end_ordered(const CommandCopy& command);
  void make(size_t index);
  void make(const KeptLaunches& kept);
  void note_success(bool success);
  bool make_as_graph(SequenceBook::Sequence& sequence, std::span<const CommandCopy> launches);
  SequenceGraph* graph_for(SequenceBook::Sequence& sequence, std::span<const CommandCopy> launches);

  const Driver& driver_;
  Maker& maker_;
  SequenceBook book_;
  bool enabled_;
  std::vector<KeptLaunches> kept_;  // the first open_, each of another thread
  size_t open_ = 0;
  int merit_;           // how often sequences were graphs lately, less how often they were not
  unsigned rest_ = 0;   // launches to leave alone before the next is kept
  int64_t credit_ = 0;  // what graphs have saved, less what making them took, in launches
};

}  // namespace vgpu::host
