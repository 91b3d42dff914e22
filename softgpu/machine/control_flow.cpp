// SPDX-License-Identifier: Apache-2.0
#include "softgpu/machine/control_flow.h"

#include <algorithm>

namespace vgpu::soft {

using ptx::OperandKind;
using ptx::Word;

namespace {

constexpr uint32_t kNone = UINT32_MAX;

class Finder {
 public:
  Finder(const ptx::Function& function, const std::vector<bool>& ends_thread)
      : function_(function), ends_thread_(ends_thread), count_(static_cast<uint32_t>(function.instructions.size())) {}

  ControlFlow run() {
    find_blocks();
    find_edges();
    order_from_exit();
    find_post_dominators();
    return result();
  }

 private:
  const ptx::Instruction& at(uint32_t index) const { return function_.instructions[index]; }
  bool is_branch(uint32_t index) const { return at(index).opcode == Word::bra_ || at(index).opcode == Word::brx_; }
  bool is_guarded(uint32_t index) const { return at(index).guard != ptx::kNone; }
  bool is_return(uint32_t index) const { return at(index).opcode == Word::ret_; }
  // A kernel's guarded `ret` takes lanes away and parts nobody.
  bool ends_block(uint32_t index) const {
    return is_branch(index) || ends_thread_[index] || (is_return(index) && (!function_.entry || !is_guarded(index)));
  }

  template <class F>
  void for_each_target(uint32_t index, F use) const {
    for (const ptx::Operand& operand : function_.operands_of(at(index))) {
      if (operand.kind == OperandKind::label) use(function_.labels[operand.index].instruction);
      if (operand.kind != OperandKind::branch_targets) continue;
      for (uint32_t label : function_.target_lists[operand.index].targets) use(function_.labels[label].instruction);
    }
  }

  void find_blocks() {
    starts_.assign(count_ + 1, false);
    starts_[0] = true;
    for (uint32_t i = 0; i < count_; ++i) {
      if (is_branch(i)) for_each_target(i, [&](uint32_t target) { starts_[std::min(target, count_)] = true; });
      if (ends_block(i)) starts_[i + 1] = true;
    }
    block_of_.assign(count_ + 1, kNone);
    for (uint32_t i = 0; i < count_; ++i) {
      if (starts_[i]) first_.push_back(i);
      block_of_[i] = static_cast<uint32_t>(first_.size() - 1);
    }
    // The virtual exit: a function's return, or a kernel's last one.
    exit_ = static_cast<uint32_t>(first_.size());
    block_of_[count_] = exit_;
  }

  void find_edges() {
    successors_.assign(exit_ + 1, {});
    predecessors_.assign(exit_ + 1, {});
    uint32_t last_exit = kNone;
    for (uint32_t block = 0; block < exit_; ++block) {
      const uint32_t last = (block + 1 < exit_ ? first_[block + 1] : count_) - 1;
      const bool falls_through = !ends_block(last) || (is_guarded(last) && !ends_thread_[last]);
      if (is_branch(last)) for_each_target(last, [&](uint32_t target) { connect(block, block_of_[target]); });
      if (is_return(last) && !function_.entry) connect(block, exit_);
      if (falls_through) connect(block, block_of_[last + 1]);
      if (successors_[block].empty() && (is_return(last) || at(last).opcode == Word::exit_)) last_exit = block;
    }
    // Lanes that exit early never come back, so only a kernel's last way out counts; the others are dead ends.
    if (function_.entry && predecessors_[exit_].empty() && last_exit != kNone) connect(last_exit, exit_);
  }

  void connect(uint32_t from, uint32_t to) {
    successors_[from].push_back(to);
    predecessors_[to].push_back(from);
  }

  // Reverse post-order of the reversed graph; blocks from which the exit cannot be reached keep kNone.
  void order_from_exit() {
    order_.assign(exit_ + 1, kNone);
    std::vector<uint32_t> finished;
    std::vector<std::pair<uint32_t, size_t>> stack{{exit_, 0}};
    std::vector<bool> seen(exit_ + 1, false);
    seen[exit_] = true;
    while (!stack.empty()) {
      auto& [block, next] = stack.back();
      if (next == predecessors_[block].size()) {
        finished.push_back(block);
        stack.pop_back();
        continue;
      }
      const uint32_t predecessor = predecessors_[block][next++];
      if (seen[predecessor]) continue;
      seen[predecessor] = true;
      stack.emplace_back(predecessor, 0);
    }
    sequence_.assign(finished.rbegin(), finished.rend());
    for (uint32_t i = 0; i < sequence_.size(); ++i) order_[sequence_[i]] = i;
  }

  // Cooper, Harvey, Kennedy: a simple, fast dominance algorithm, on the reversed graph.
  void find_post_dominators() {
    dominator_.assign(exit_ + 1, kNone);
    dominator_[exit_] = exit_;
    for (bool changed = true; changed;) {
      changed = false;
      for (uint32_t block : sequence_) {
        if (block == exit_) continue;
        uint32_t best = kNone;
        for (uint32_t successor : successors_[block]) {
          if (order_[successor] == kNone || dominator_[successor] == kNone) continue;
          best = best == kNone ? successor : intersect(best, successor);
        }
        if (best == dominator_[block]) continue;
        dominator_[block] = best;
        changed = true;
      }
    }
  }

  uint32_t intersect(uint32_t a, uint32_t b) const {
    while (a != b) {
      while (order_[a] > order_[b]) a = dominator_[a];
      while (order_[b] > order_[a]) b = dominator_[b];
    }
    return a;
  }

  ControlFlow result() {
    ControlFlow flow;
    flow.join.assign(count_, ControlFlow::kNowhere);
    for (uint32_t i = 0; i < count_; ++i) {
      if (!is_branch(i) && !is_return(i)) continue;
      const uint32_t dominator = dominator_[block_of_[i]];
      if (dominator == kNone) continue;
      if (dominator != exit_) {
        flow.join[i] = first_[dominator];
      } else if (!function_.entry) {
        flow.join[i] = ControlFlow::kReturn;
      }
    }
    starts_.resize(count_);
    flow.starts_block = std::move(starts_);
    return flow;
  }

  const ptx::Function& function_;
  const std::vector<bool>& ends_thread_;
  uint32_t count_;
  std::vector<bool> starts_;
  std::vector<uint32_t> block_of_;  // by instruction
  std::vector<uint32_t> first_;     // instruction, by block
  uint32_t exit_ = 0;
  std::vector<std::vector<uint32_t>> successors_, predecessors_;
  std::vector<uint32_t> order_, sequence_, dominator_;
};

}  // namespace

ControlFlow find_control_flow(const ptx::Function& function, const std::vector<bool>& ends_thread) {
  if (function.instructions.empty()) return {};
  return Finder(function, ends_thread).run();
}

}  // namespace vgpu::soft
