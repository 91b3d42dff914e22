// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/schedule.h"

#include <algorithm>

#include "softgpu/machine/block.h"
#include "softgpu/machine/call.h"

namespace vgpu::soft {

namespace {
// A slice is long enough that switching costs nothing, and short enough that a lane which waits for another one in
// a loop without synchronising accesses does not wait for long.
constexpr int32_t kSliceBranches = 4096;
// Lanes that wait in a join are released by the first slice that spun, or after this many plain ones.
constexpr uint32_t kPlainSlices = 64;
}  // namespace

void Schedule::start(const Function& kernel, LaneMask lanes) {
  splits_.clear();
  for (auto& join : joins_) join->used = false;
  frames_.reset();
  plain_slices_ = 0;
  Frame* frame = frames_.take(kernel.total_bytes());
  frame->function = &kernel;
  frame->caller = nullptr;
  frame->lanes = lanes;
  frame->local_base = 0;
  frame->local_top = kernel.local_bytes;
  frame->depth = 0;
  warp_.live = lanes;
  splits_.push_back(Split{.pc = kernel.code.data(), .mask = lanes, .frame = frame});
  current_ = 0;
}

bool Schedule::ready() const {
  return std::any_of(splits_.begin(), splits_.end(), [](const Split& s) { return s.state == Split::State::ready; });
}

void Schedule::set_frame(Frame* frame) {
  warp_.base[Operand::frame] = frame->rows;
  warp_.base[Operand::constant] = frame->function->constants.data();
  warp_.area = frame->rows + frame->function->area_offset();
  warp_.area_stride = frame->function->parameter_stride;
  warp_.local_base = frame->local_base;
}

void Schedule::enter(size_t split) {
  current_ = split;
  running_ = true;
  const Split& s = splits_[split];
  warp_.pc = s.pc;
  warp_.active = s.mask;
  warp_.join_pc = s.join != nullptr ? s.join->pc : nullptr;
  set_frame(s.frame);
}

void Schedule::save() {
  if (running_) splits_[current_].pc = warp_.pc;
}

void Schedule::pick() {
  running_ = false;
  bool synchronising = false;
  do {
    for (size_t i = splits_.size(); i-- > 0;) {
      if (splits_[i].state == Split::State::ready) return enter(i);
      synchronising = synchronising || splits_[i].state == Split::State::at_warp_sync;
    }
    // Only lanes of this warp can end such a wait, and those in joins do not come by themselves.
  } while (synchronising && dissolve());
  if (current_ >= splits_.size()) current_ = 0;
  warp_.stopped = true;
}

bool Schedule::run() {
  if (splits_.empty()) return false;
  // Round robin: the split after the one that ran last.
  size_t next = splits_.size();
  for (size_t i = 1; i <= splits_.size(); ++i) {
    const size_t candidate = (current_ + i) % splits_.size();
    if (splits_[candidate].state != Split::State::ready) continue;
    next = candidate;
    break;
  }
  if (next == splits_.size()) return false;
  warp_.stopped = false;
  warp_.spinning = false;
  warp_.synchronising = false;
  warp_.budget = kSliceBranches;
  enter(next);
  while (!warp_.stopped) {
    const Instruction& instruction = *warp_.pc++;
    instruction.handler(warp_, instruction, warp_.active);
  }
  save();
  const bool slice_over = running_ && warp_.budget < 0;
  running_ = false;
  if (!slice_over) return true;
  // The slice is over. Lanes in a join of this split may be what it waits for.
  plain_slices_ = warp_.spinning ? kPlainSlices : plain_slices_ + 1;
  if (plain_slices_ >= kPlainSlices) {
    plain_slices_ = 0;
    for (Join* join = splits_[current_].join; join != nullptr; join = join->parent) {
      if (join->arrived == 0) continue;
      dissolve(join);
      settle();
      break;
    }
  }
  return true;
}

Join* Schedule::new_join(const Instruction* pc, Frame* frame, Join* parent, LaneMask expected) {
  Join* join = nullptr;
  for (auto& candidate : joins_) {
    if (!candidate->used) {
      join = candidate.get();
      break;
    }
  }
  if (join == nullptr) join = joins_.emplace_back(std::make_unique<Join>()).get();
  *join = Join{.pc = pc, .frame = frame, .parent = parent, .expected = expected, .arrived = 0, .used = true};
  return join;
}

void Schedule::diverge(LaneMask lanes, const Instruction* pc, const Instruction* join) {
  Split& split = splits_[current_];
  Join* meeting = split.join;
  if (join != nullptr && (meeting == nullptr || meeting->pc != join || meeting->frame != split.frame)) {
    meeting = new_join(join, split.frame, split.join, split.mask);
    split.join = meeting;
    warp_.join_pc = join;
  }
  split.mask &= ~lanes;
  warp_.active = split.mask;
  if (join != nullptr && pc == join) {
    meeting->arrived |= lanes;
    return;
  }
  Split other;
  other.pc = pc;
  other.mask = lanes;
  other.frame = split.frame;
  other.join = meeting;
  splits_.push_back(other);
}

void Schedule::arrive() {
  Split& split = splits_[current_];
  const Instruction* here = warp_.join_pc;
  while (split.join != nullptr && split.join->pc == here && split.join->frame == split.frame) {
    Join* join = split.join;
    join->arrived |= split.mask;
    if (join->arrived != join->expected) {
      remove_current();
      return;
    }
    split.mask = join->arrived;
    split.join = join->parent;
    join->used = false;
  }
  warp_.active = split.mask;
  warp_.join_pc = split.join != nullptr ? split.join->pc : nullptr;
}

void Schedule::remove_current() {
  splits_.erase(splits_.begin() + static_cast<ptrdiff_t>(current_));
  if (current_ > 0) --current_;
  pick();
}

void Schedule::exit(LaneMask lanes) {
  warp_.live &= ~lanes;
  for (auto& join : joins_) join->expected &= ~lanes;
  frames_.exit(lanes);
  save();
  splits_[current_].mask &= ~lanes;
  warp_.active &= ~lanes;
  const bool gone = splits_[current_].mask == 0;
  if (gone) splits_.erase(splits_.begin() + static_cast<ptrdiff_t>(current_));
  if (gone && current_ > 0) --current_;
  if (gone) running_ = false;
  settle();
  check_warp_sync();
  warp_.block->lanes_exited(warp_);
  if (gone) {
    pick();
  } else {
    enter(current_);
  }
}

void Schedule::settle() {
  for (auto& owned : joins_) {
    Join& join = *owned;
    if (!join.used) continue;
    if (join.expected == 0) {
      join.used = false;
    } else if (join.arrived == join.expected) {
      Split merged;
      merged.pc = join.pc;
      merged.mask = join.arrived;
      merged.frame = join.frame;
      merged.join = join.parent;
      splits_.push_back(merged);
      join.used = false;
    }
  }
  for (Split& split : splits_) {
    while (split.join != nullptr && split.join->expected == split.mask) {
      Join* join = split.join;
      split.join = join->parent;
      join->used = false;
    }
  }
}

void Schedule::dissolve(Join* join) {
  Split released;
  released.pc = join->pc;
  released.mask = join->arrived;
  released.frame = join->frame;
  released.join = join->parent;
  join->expected &= ~join->arrived;
  join->arrived = 0;
  splits_.push_back(released);
}

bool Schedule::dissolve() {
  bool any = false;
  for (auto& join : joins_) {
    if (!join->used || join->arrived == 0) continue;
    dissolve(join.get());
    any = true;
  }
  if (any) settle();
  return any;
}

bool Schedule::call(const CallSite& site, const Function& callee) {
  Split& split = splits_[current_];
  Frame* caller = split.frame;
  const uint32_t base = caller->local_top + kCallStackBytes;
  if (base > warp_.local_stride || callee.local_bytes > warp_.local_stride - base) return false;
  if (!frames_.has_room(callee.total_bytes())) return false;
  Frame* frame = frames_.take(callee.total_bytes());
  frame->function = &callee;
  frame->caller = caller;
  frame->return_pc = warp_.pc;
  frame->site = &site;
  frame->lanes = split.mask;
  frame->local_base = base;
  frame->local_top = base + callee.local_bytes;
  frame->depth = caller->depth + 1;
  copy_arguments(warp_, site, *frame, split.mask);
  split.frame = frame;
  set_frame(frame);
  warp_.pc = callee.code.data();
  return true;
}

void Schedule::leave() {
  Split& split = splits_[current_];
  Frame* frame = split.frame;
  bool lost = false;
  // Lanes that return although they have not met: their joins were dissolved around them.
  while (split.join != nullptr && split.join->frame == frame) {
    for (auto& join : joins_) {
      if (join->frame == frame) join->expected &= ~split.mask;
    }
    split.join = split.join->parent;
    lost = true;
  }
  frame->lanes &= ~split.mask;
  split.frame = frame->caller;
  set_frame(split.frame);
  copy_results(warp_, *frame, split.mask);
  warp_.pc = frame->return_pc;
  warp_.join_pc = split.join != nullptr ? split.join->pc : nullptr;
  if (frame->lanes == 0) frames_.give_back(frame);
  if (!lost) return;
  save();
  settle();
  enter(current_);
}

void Schedule::block_lanes(const Instruction& instruction, LaneMask lanes, Split blocked) {
  save();
  Split& split = splits_[current_];
  blocked.pc = warp_.pc;
  blocked.mask = lanes;
  blocked.frame = split.frame;
  blocked.join = split.join;
  blocked.waiting = &instruction;
  if (lanes == split.mask) {
    split = blocked;
    pick();
    return;
  }
  split.mask &= ~lanes;
  warp_.active = split.mask;
  splits_.push_back(blocked);
}

void Schedule::wait_at_barrier(const Instruction& instruction, LaneMask lanes, uint8_t barrier) {
  Split blocked;
  blocked.state = Split::State::at_barrier;
  blocked.barrier = barrier;
  block_lanes(instruction, lanes, blocked);
}

LaneMask Schedule::waiting_for(LaneMask members) const {
  LaneMask waiting = 0;
  for (const Split& split : splits_) {
    if (split.state == Split::State::at_warp_sync && split.members == members) waiting |= split.mask;
  }
  return waiting;
}

void Schedule::synchronise(const Instruction& instruction, LaneMask lanes, LaneMask members, Complete complete) {
  members |= lanes;
  const LaneMask missing = members & warp_.live & ~lanes;
  if (missing == 0) {
    complete(warp_, instruction, lanes, members);
    return;
  }
  if ((missing & ~waiting_for(members)) != 0) {
    Split blocked;
    blocked.state = Split::State::at_warp_sync;
    blocked.members = members;
    blocked.complete = complete;
    block_lanes(instruction, lanes, blocked);
    return;
  }
  complete(warp_, instruction, lanes, members);
  save();
  complete_waiting(members);
  merge_ready();
  enter(current_);
}

void Schedule::complete_waiting(LaneMask members) {
  for (Split& split : splits_) {
    if (split.state != Split::State::at_warp_sync || split.members != members) continue;
    set_frame(split.frame);
    split.complete(warp_, *split.waiting, split.mask, members);
    split.state = Split::State::ready;
  }
}

void Schedule::check_warp_sync() {
  for (size_t i = 0; i < splits_.size(); ++i) {
    const Split& split = splits_[i];
    if (split.state != Split::State::at_warp_sync) continue;
    const LaneMask members = split.members;
    if ((members & warp_.live & ~waiting_for(members)) == 0) complete_waiting(members);
  }
}

void Schedule::open_barrier(uint8_t barrier, Opened opened) {
  save();
  for (Split& split : splits_) {
    if (split.state != Split::State::at_barrier || split.barrier != barrier) continue;
    if (opened != nullptr) {
      set_frame(split.frame);
      opened(warp_, *split.waiting, split.mask);
    }
    split.state = Split::State::ready;
  }
  if (splits_.size() > 1) merge_ready();
  if (running_) enter(current_);
}

void Schedule::merge_ready() {
  for (size_t i = 0; i < splits_.size(); ++i) {
    for (size_t k = i + 1; k < splits_.size();) {
      Split& a = splits_[i];
      const Split& b = splits_[k];
      const bool same = a.state == Split::State::ready && b.state == Split::State::ready && a.pc == b.pc &&
                        a.frame == b.frame && a.join == b.join;
      if (!same) {
        ++k;
        continue;
      }
      a.mask |= b.mask;
      splits_.erase(splits_.begin() + static_cast<ptrdiff_t>(k));
      if (current_ == k) {
        current_ = i;
      } else if (current_ > k) {
        --current_;
      }
    }
  }
}

}  // namespace vgpu::soft
