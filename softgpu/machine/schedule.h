// SPDX-License-Identifier: Apache-2.0
// Schedule: which lanes of a warp run where. Lanes that branch apart become splits, each with its own program counter;
// they meet again at the branch's immediate post-dominator, where a join counts them in. A join only saves work: it can
// be dissolved at any time, and is, when waiting in it would keep others from making progress. So every lane makes
// progress, as sm_70 and later promise (PTX ISA 3.1, independent thread scheduling).
// Belongs to its warp and to the pool thread that runs it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "softgpu/machine/frame_pool.h"
#include "softgpu/machine/function.h"
#include "softgpu/machine/warp.h"

namespace vgpu::soft {

struct Join {
  const Instruction* pc = nullptr;
  Frame* frame = nullptr;
  Join* parent = nullptr;  // where the joined lanes are going next
  LaneMask expected = 0;   // lanes that may still come or have come
  LaneMask arrived = 0;
  bool used = false;
};

// Finishes a warp-synchronous instruction for the lanes `mask` of a split, once all `members` are there; the warp's
// frame base is that of the split.
using Complete = void (*)(Warp& warp, const Instruction& instruction, LaneMask mask, LaneMask members);

struct Split {
  enum class State : uint8_t { ready, at_warp_sync, at_barrier };
  const Instruction* pc = nullptr;
  LaneMask mask = 0;
  Frame* frame = nullptr;
  Join* join = nullptr;
  State state = State::ready;
  LaneMask members = 0;                  // at_warp_sync: lanes it waits for
  uint8_t barrier = 0;                   // at_barrier: its id
  const Instruction* waiting = nullptr;  // the instruction that blocked it
  Complete complete = nullptr;           // at_warp_sync: what finishes it
};

class Schedule {
 public:
  // Writes a barrier's results for the lanes `mask` of a split that waited; the warp's frame base is that of the split.
  using Opened = void (*)(Warp& warp, const Instruction& instruction, LaneMask mask);

  explicit Schedule(Warp& warp) : warp_(warp) {}

  // All of `lanes` at the start of a kernel.
  void start(const Function& kernel, LaneMask lanes);

  // Runs until no split is ready, the time slice is over, or a fault. Returns whether any instruction was executed.
  bool run();
  bool finished() const { return warp_.live == 0; }
  bool ready() const;  // a split can run

  // Branch: `lanes`, not all of the active ones, go to `pc`, the others on. Both meet at `join` (nullptr: nowhere).
  void diverge(LaneMask lanes, const Instruction* pc, const Instruction* join);
  // The running split stands at the join its lanes wait at.
  void arrive();
  // `lanes` end. Barriers are told.
  void exit(LaneMask lanes);
  // The running split enters or leaves a function. False: the stack is full.
  bool call(const CallSite& site, const Function& callee);
  void leave();

  // `lanes` of the running split block at `instruction`; the rest goes on behind it.
  void wait_at_barrier(const Instruction& instruction, LaneMask lanes, uint8_t barrier);
  // Lanes of the running split arrive at a warp-synchronous instruction that waits for `members`. When all are there,
  // `complete` runs for them and for those that waited; else the lanes wait, and another split may be running on
  // return.
  void synchronise(const Instruction& instruction, LaneMask lanes, LaneMask members, Complete complete);

  // A barrier of the block opened: its waiting splits are ready. `opened` may be nullptr.
  void open_barrier(uint8_t barrier, Opened opened);
  // Lanes waiting in joins go on without the others; false when none waits.
  bool dissolve();

  Frame& frame() { return *splits_[current_].frame; }

 private:
  void enter(size_t split);  // loads the warp's hot state from the split
  void save();               // the program counter, the other way round
  void pick();               // another ready split, or stop
  void remove_current();
  Join* new_join(const Instruction* pc, Frame* frame, Join* parent, LaneMask expected);
  void settle();           // after lanes vanished from joins: releases and collapses what that completes
  void check_warp_sync();  // after lanes exited: waiting splits may have all members now
  void complete_waiting(LaneMask members);
  LaneMask waiting_for(LaneMask members) const;
  void block_lanes(const Instruction& instruction, LaneMask lanes, Split blocked);
  void merge_ready();  // splits that have come to the same place by themselves
  void dissolve(Join* join);
  void set_frame(Frame* frame);

  Warp& warp_;
  std::vector<Split> splits_;
  size_t current_ = 0;
  bool running_ = false;  // the warp's hot state is that of splits_[current_]
  std::vector<std::unique_ptr<Join>> joins_;
  FramePool frames_;
  uint32_t plain_slices_ = 0;  // slices that ended without synchronisation since the last dissolve
};

}  // namespace vgpu::soft
